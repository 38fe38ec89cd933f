"""COMPRESS=DEFLATE (RFC 4978): a raw DEFLATE stream each way, with work and memory bounded.

Strategy: an octet of DEFLATE may stand for a thousand. So what arrives is kept as it came, and inflated a slice at a
time, when the framer has used up what it had: its limits hold for the plain octets, and others have a turn between
slices. What is said is compressed burst by burst, each by itself and to its last octet, so that nothing waits in here
and whoever idles costs no memory for it; that such blocks refer to none before them loses next to nothing.
"""

import zlib

SLICE = 16 * 1024  # plain octets at a time
PIECE = 4 * 1024  # compressed octets given to zlib at a time, which copies those that it could not use
BURST = 64 * 1024  # plain octets compressed in one turn: one or two milliseconds

# A client may use a window of 32 KB, which zlib then keeps for as long as the connection lives. With ours, compressing
# takes 32 KB for the moment; more would save next to nothing of armored mail and of lists of messages.
_CLIENT_WINDOW = 15
_WINDOW = 12
_MEMORY = 5
_LEVEL = 1


class Garbled(Exception):
    """What arrives is no DEFLATE, or goes on behind its end."""


class Inflater:
    """What a client sends, until it is asked for."""

    __slots__ = ("_arrived", "_is_full", "_stream", "_tail")

    def __init__(self) -> None:
        self._stream = zlib.decompressobj(-_CLIENT_WINDOW)
        self._arrived = bytearray()
        self._tail = b""  # what zlib was given and could not use yet
        self._is_full = False  # zlib may hold more than it has given

    def __len__(self) -> int:
        return len(self._arrived) + len(self._tail)

    @property
    def has_more(self) -> bool:
        """Whether `take` should be called before more arrives."""
        return self._is_full or len(self) > 0

    def feed(self, data: bytes) -> None:
        """Take octets as they arrive."""
        self._arrived += data

    def take(self) -> bytes:
        """Return the next plain octets, at most SLICE and perhaps none; raise Garbled."""
        if self._stream.eof:
            raise Garbled
        if not self._tail:
            self._tail = bytes(self._arrived[:PIECE])
            del self._arrived[:PIECE]
        try:
            plain = self._stream.decompress(self._tail, SLICE)
        except zlib.error:
            raise Garbled from None
        self._tail = self._stream.unused_data or self._stream.unconsumed_tail
        self._is_full = len(plain) == SLICE and not self._stream.eof
        return plain


def deflated(data: bytes) -> bytes:
    """Return octets compressed, so that a client can read all of them at once, whatever it was sent before."""
    stream = zlib.compressobj(_LEVEL, zlib.DEFLATED, -_WINDOW, _MEMORY)
    return stream.compress(data) + stream.flush(zlib.Z_SYNC_FLUSH)
