"""Large blocks stay apart and what is freed goes back: in a process of its own, since both last."""

import asyncio
import subprocess
import sys

import pytest

from shared.listen import heap
from shared.listen.heap import SOME_GONE

_LIBC = """
import ctypes, sys
from pathlib import Path
from shared.listen import heap
libc = ctypes.CDLL(None)
libc.malloc.restype, libc.malloc.argtypes, libc.free.argtypes = ctypes.c_void_p, [ctypes.c_size_t], [ctypes.c_void_p]
libc.memset.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_size_t]
"""

# Buffers as TLS connections have, one freed before, as after the first connection; prints how many are mapped apart.
_BUFFERS = """
if sys.argv[1] == "apart":
    heap.keep_large_apart()
libc.free(libc.malloc(256 * 1024))
blocks = [libc.malloc(256 * 1024) for _ in range(100)]
print(sum(block & 0xFFF == 16 for block in blocks))  # one mapped apart begins behind the header of its first page
"""

# Many blocks, of which every other one is freed; prints how many MB of resident memory that gave back.
_HOLES = """
blocks = [libc.malloc(20_000) for _ in range(2000)]
for block in blocks:
    libc.memset(block, 1, 20_000)
for block in blocks[::2]:
    libc.free(block)
def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096
before = resident()
if sys.argv[1] == "give back":
    heap.give_back()
print((before - resident()) // 1_000_000)
"""


def test_buffers_are_mapped_apart() -> None:
    assert _run(_BUFFERS, "apart") == 100
    assert _run(_BUFFERS, "as it is") < 50


def test_holes_are_given_back() -> None:
    assert _run(_HOLES, "give back") > 5
    assert _run(_HOLES, "as it is") == 0


@pytest.mark.parametrize(
    ("gone", "times"), [(SOME_GONE - 1, 0), (SOME_GONE, 1), (4 * SOME_GONE, 2), (500 * SOME_GONE, 5)]
)
async def test_what_some_leave_is_given_back_and_again_after_many(
    gone: int, times: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(heap, "PAUSE_SECONDS", 0.0)
    given: list[None] = []
    leavings = heap.Leavings(lambda: given.append(None))
    for _ in range(gone):
        leavings.note()
    for _ in range(20):
        await asyncio.sleep(0.001)
    assert len(given) == times
    assert leavings._timer is None


def _run(program: str, how: str) -> int:
    return int(subprocess.check_output([sys.executable, "-c", _LIBC + program, how], text=True))
