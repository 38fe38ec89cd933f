"""How often servers wait for the disk: their calls of fsync and its like, counted by strace.

Strategy: a run of its own, for a traced server is slow; being slow, it finds more to sync at once, so the figure is a
lower bound where commits are shared.
"""

import re
import shutil
import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench import accounting

_CALLS = "fsync,fdatasync,syncfs,sync_file_range"
_LINE = re.compile(r"^\s*[\d.]+\s+[\d.]+\s+\d+\s+(\d+)\s+(?:\d+\s+)?\w*sync\w*$", re.MULTILINE)
_PATIENCE = 10.0


@dataclass(slots=True)
class Counted:
    """Calls so far; None before the end, and where there is no strace."""

    calls: int | None = None


@contextmanager
def counted(roots: Mapping[str, int], folder: Path) -> Iterator[Counted]:
    """Count the calls of these process trees and whatever they start."""
    found = Counted()
    program = shutil.which("strace")
    if program is None or not roots:
        yield found
        return
    pids = [str(pid) for root in roots.values() for pid in accounting.tree(root)]
    summary = folder / "syncs"
    attach = [word for pid in pids for word in ("-p", pid)]
    words = [program, "-f", "-c", "-e", f"trace={_CALLS}", "-o", str(summary), *attach]
    tracing = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield found
    finally:
        tracing.send_signal(signal.SIGINT)
        tracing.wait(_PATIENCE)
    found.calls = sum(int(calls) for calls in _LINE.findall(summary.read_text()))
