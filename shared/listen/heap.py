"""How this process's C heap is kept small.

Strategy: a TLS connection has a buffer of 256 KB, of which it touches a page or two. glibc maps such a block apart,
until the first one is freed: from then on it takes them from the heap, where others fill the gaps and what was freed
stays. A threshold that is set stays as it is. The rest leaves holes of some KB that new connections do not fit into, so
that each storm of reconnects would take more memory than the last: they are given back.
"""

import contextlib
import ctypes

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
