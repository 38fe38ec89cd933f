"""Processes that a killed parent left behind.

Every child is written down with its process id and its start time: together with the boot they name one process for
ever, so that a number given to somebody else in the meantime is never taken for ours.
"""

import os
import signal
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

_RECORD = "processes"
_STARTED = 19  # index of `starttime` after the command name, proc_pid_stat(5)


def record(run: Path, pids: Mapping[str, int]) -> None:
    """Write down the running children, by name."""
    lines = [_boot(), *(f"{name} {pid} {_started(pid)}" for name, pid in pids.items())]
    new = run / f"{_RECORD}.new"
    new.write_text("\n".join(lines) + "\n")
    new.replace(run / _RECORD)


def stop(run: Path, patience: float = 5.0) -> list[str]:
    """End the children of an earlier parent that still run on this data folder, and return their names."""
    left = _still_running(run)
    for number in (signal.SIGTERM, signal.SIGKILL):
        for pid in left.values():
            with suppress(ProcessLookupError):
                os.killpg(pid, number)
        deadline = time.monotonic() + patience
        while any(_is_alive(pid) for pid in left.values()) and time.monotonic() < deadline:
            time.sleep(0.02)
    (run / _RECORD).unlink(missing_ok=True)
    return list(left)


def _still_running(run: Path) -> dict[str, int]:
    with suppress(OSError, ValueError):
        boot, *lines = (run / _RECORD).read_text().splitlines()
        if boot == _boot():
            rows = [line.split() for line in lines]
            return {name: int(pid) for name, pid, started in rows if _started(int(pid)) == started != ""}
    return {}


def _boot() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def _stat(pid: int) -> list[str]:
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return []


def _started(pid: int) -> str:
    fields = _stat(pid)
    return fields[_STARTED] if fields else ""


def _is_alive(pid: int) -> bool:
    fields = _stat(pid)
    return bool(fields) and fields[0] not in "ZX"
