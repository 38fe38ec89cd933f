"""The units, and how a test runs a command under one."""

import ctypes.util
import os
import sys
from pathlib import Path

from chatmail.services import Service
from tests.needs import needs

FOLDER = Path(__file__).parents[2] / "deploy/systemd"
CLOSED = Path(__file__).with_name("closed.py")

# As root what runs is an ordinary user in a namespace, made before the rules forbid that.
ORDINARY = ["unshare", "--user", "--map-user=1000", "--map-group=1000"] if os.geteuid() == 0 else []


def unit_of(service: Service) -> Path:
    return FOLDER / f"chatmail-{service.name}.service"


def under(unit: Path) -> list[str]:
    """Return what to put before a command that is to run under the unit's rules."""
    needs("systemd-analyze")
    if not ctypes.util.find_library("seccomp"):
        needs("libseccomp.so.2")
    return [*ORDINARY, sys.executable, str(CLOSED), str(unit)]
