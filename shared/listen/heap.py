"""How this process's C heap is kept small.

Strategy: a TLS connection has a buffer of 256 KB, of which it touches a page or two. glibc maps such a block apart,
until the first one is freed: from then on it takes them from the heap, where others fill the gaps and what was freed
stays. A threshold that is set stays as it is. Still a buffer comes from the heap where a hole is large enough, and
takes with it all pages of that hole which were written to; and small holes fit nobody. So, soon after connections have
gone, the pages of all holes are given back: with every few, since after many the next ones have their buffers there.
"""

import asyncio
import contextlib
import ctypes
from collections.abc import Callable

SOME_GONE = 20  # connections
PAUSE_SECONDS = 10.0

_M_MMAP_THRESHOLD = -3  # <malloc.h>
LARGE = 128 * 1024  # octets: glibc's own beginning


def keep_large_apart() -> None:
    """Let large blocks always be mapped and given back, where the C library can be told (glibc)."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).mallopt(_M_MMAP_THRESHOLD, LARGE)


def give_back() -> None:
    """Give the pages of freed memory back to the system; takes milliseconds for each 100 MB."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)


class Leavings:
    """What connections leave behind: it is given back when some have gone, and not all the time."""

    def __init__(self, give_back: Callable[[], None] = give_back) -> None:
        self._give_back = give_back
        self._gone = 0
        self._timer: asyncio.TimerHandle | None = None

    def note(self) -> None:
        """Count one connection that has gone; to be called from the loop."""
        self._gone += 1
        self._wait()

    def _wait(self) -> None:
        if self._gone >= SOME_GONE and self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(PAUSE_SECONDS, self._tidy)

    def _tidy(self) -> None:
        self._timer = None
        self._gone //= 4  # after many, again: who comes back meanwhile leaves holes, too
        self._give_back()
        self._wait()
