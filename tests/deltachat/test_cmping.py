"""cmping, the tool that measures chatmail servers, finds nothing missing."""

import os
import re
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import elsewhere
from tests.deltachat.core import PROGRAMS
from tests.elsewhere import Elsewhere
from tests.needs import needs
from tests.suite import Suite

PORTS = {"port_imaps": 993, "port_submissions": 465}  # cmping knows no others


class StandardSuite(Suite):
    """A suite at the ports that a client expects."""

    def __init__(self) -> None:
        super().__init__()
        self._ports.update(PORTS)


@pytest.fixture(scope="module")
def standard() -> Iterator[Suite | Elsewhere]:
    """A suite on the standard ports of an address of its own; or one that runs elsewhere."""
    if running := elsewhere.named():
        yield running
        return
    suite = StandardSuite()
    try:
        with socket.socket() as probe:
            probe.bind((suite.address, PORTS["port_submissions"]))
    except PermissionError:
        needs("the right to use port 465")
    with suite:
        yield suite


@pytest.mark.parametrize("receivers", [1, 4])
def test_cmping_loses_nothing(standard: Suite | Elsewhere, tmp_path: Path, receivers: int) -> None:
    done = subprocess.run(
        [PROGRAMS / "cmping", "-c", "5", "-i", "0.3", "-g", str(receivers), standard.address],
        env={**os.environ, "PATH": f"{PROGRAMS}:{os.environ['PATH']}", "XDG_CACHE_HOME": str(tmp_path)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    print(done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(rf"\b5 transmitted, {5 * receivers} received, 0\.00% loss", done.stdout)
