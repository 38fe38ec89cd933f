"""What processes have used, from /proc: CPU seconds and memory of whole process trees.

Strategy: `schedstat` counts nanoseconds but only of threads that live; the CPU of children that have ended is in their
parent's `stat`, in ticks of 10 ms. Together they count everything once, as Postgres's short-lived workers are
waited for by the postmaster.
"""

import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

_TICK = os.sysconf("SC_CLK_TCK")
_SECTORS_WRITTEN = 6  # Documentation/block/stat.rst
_CUTIME = 13  # of the fields of stat after the name: cutime, then cstime


def cpu(roots: Mapping[str, int]) -> dict[str, float]:
    """Return the CPU seconds used so far by each named process and everything it started."""
    children = _children()
    return {name: sum(_cpu_of(pid) for pid in _tree(root, children)) for name, root in roots.items()}


def memory(roots: Mapping[str, int]) -> dict[str, int]:
    """Return the memory of each named process tree in octets as PSS: shared pages are divided among their sharers."""
    children = _children()
    return {name: sum(_pss_of(pid) for pid in _tree(root, children)) for name, root in roots.items()}


def written(folder: Path) -> int:
    """Return the octets written so far to the disk that holds a folder, by whomever: what the kernel tells of single
    processes counts whole folios where a few octets changed.
    """
    device = folder.stat().st_dev
    counters = Path(f"/sys/dev/block/{os.major(device)}:{os.minor(device)}/stat")
    return int(counters.read_text().split()[_SECTORS_WRITTEN]) * 512 if counters.exists() else 0


def tree(root: int) -> list[int]:
    """Return a process and everything it started that runs."""
    return _tree(root, _children())


def _children() -> dict[int, list[int]]:
    found: dict[int, list[int]] = {}
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            found.setdefault(int(_stat(process)[1]), []).append(int(process.name))
    return found


def _tree(root: int, children: Mapping[int, list[int]]) -> list[int]:
    return [root, *(pid for child in children.get(root, []) for pid in _tree(child, children))]


def _cpu_of(pid: int) -> float:
    process = Path(f"/proc/{pid}")
    total = 0.0
    with suppress(OSError):
        total += sum(map(int, _stat(process)[_CUTIME : _CUTIME + 2])) / _TICK
        for thread in (process / "task").iterdir():
            with suppress(OSError):
                total += int((thread / "schedstat").read_text().split()[0]) / 1e9
    return total


def _stat(process: Path) -> list[str]:
    """Return the fields of `stat` from the state on: the name before it may hold blanks."""
    return (process / "stat").read_text().rpartition(")")[2].split()


def _pss_of(pid: int) -> int:
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    return 0
