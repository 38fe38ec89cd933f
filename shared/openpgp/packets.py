"""Walking the packets of an encrypted OpenPGP message without opening one.

Strategy: exactly one shape is a message nobody on the way can read: session-key packets (PKESK or SKESK, any
number), one encrypted and integrity-protected data packet (SEIPD), and nothing after it (RFC 9580 §10.3).
Every other packet, known or unknown, can carry cleartext and is an error, padding and marker packets too.
The walk is shown only the few octets where each header lies and says how far the next one is, so its cost is
that of the headers; their number is bounded, since a partial chunk may be one octet long.
"""

from typing import NamedTuple

PKESK, SKESK, SEIPD = 1, 3, 18
HEADER = 7  # the longest header with the version behind it: tag, five octets of length, version

# Versions in the field: PKESK 2 was written by old PGP, SKESK 5 by GnuPG 2.3.
_VERSIONS = {PKESK: (2, 3, 6), SKESK: (4, 5, 6), SEIPD: (1, 2)}
# What the version itself makes necessary: prefix and hash packet (§5.13.1), header and final tag (§5.13.2).
_SMALLEST_SEIPD = {1: 1 + 10 + 22, 2: 36 + 16}
_LARGEST_SESSION_KEY = 65_535  # the largest post-quantum ones are below 2 KB
_SMALLEST_PARTIAL = 512  # for the first partial chunk, RFC 9580 §4.2.1.4
_MAX_HEADERS = 65_536  # packets and partial chunks together


class PacketError(ValueError):
    """The octets are not one encrypted message."""


class _Length(NamedTuple):
    octets: int
    body_at: int
    is_partial: bool = False


class Walk:
    """One pass over a message: `step` from header to header, then ask `is_complete` at the message's end."""

    def __init__(self) -> None:
        self._headers = 0
        self._is_partial = False  # the next header is that of a further chunk of the data packet
        self._is_sealed = False  # the data packet's last chunk is known
        self._data_version = 0
        self._data_octets = 0

    @property
    def is_complete(self) -> bool:
        """Whether the data packet has ended, and is as long as its version asks for."""
        return self._is_sealed and self._data_octets >= _SMALLEST_SEIPD[self._data_version]

    def step(self, head: bytes) -> int:
        """Read the header that `head` begins with; return the octets from here to the next one.

        `head` is HEADER octets, fewer only where the message ends before. Raises PacketError.
        """
        self._headers += 1
        if self._is_sealed or self._headers > _MAX_HEADERS:
            raise PacketError("octets after the data packet, or too many packets")
        return self._chunk(head) if self._is_partial else self._packet(head)

    def _packet(self, head: bytes) -> int:
        kind, is_old = _kind(head[0])
        if kind not in _VERSIONS:
            raise PacketError(f"packet type {kind}")
        length = _old_length(head) if is_old else _new_length(head, 1)
        if kind == SEIPD and length.is_partial and length.octets < _SMALLEST_PARTIAL:
            raise PacketError("first partial chunk too small")
        if kind != SEIPD and (length.is_partial or length.octets > _LARGEST_SESSION_KEY):
            raise PacketError("session-key packet length")
        version = head[length.body_at] if length.octets and length.body_at < len(head) else 0
        if version not in _VERSIONS[kind]:
            raise PacketError("packet version")
        if kind == SEIPD:
            self._data_version = version
            self._count(length)
        return length.body_at + length.octets

    def _chunk(self, head: bytes) -> int:
        length = _new_length(head, 0)
        self._count(length)
        return length.body_at + length.octets

    def _count(self, length: _Length) -> None:
        self._data_octets += length.octets
        self._is_partial = length.is_partial
        self._is_sealed = not length.is_partial


def _kind(tag: int) -> tuple[int, bool]:
    """Return the packet type, and whether its header is in the old format (RFC 9580 §4.2)."""
    if tag < 0x80:
        raise PacketError("no packet header")
    return (tag & 0x3F, False) if tag & 0x40 else (tag >> 2 & 0x0F, True)


def _new_length(head: bytes, at: int) -> _Length:
    """Read a new-format length (RFC 9580 §4.2.1)."""
    first = head[at] if at < len(head) else 255
    if first < 192:
        return _Length(first, at + 1)
    if 224 <= first < 255:
        return _Length(1 << (first & 0x1F), at + 1, is_partial=True)
    body_at = at + (2 if first < 224 else 5)
    if body_at > len(head):
        raise PacketError("length cut off")
    if first < 224:
        return _Length((first - 192 << 8) + head[at + 1] + 192, body_at)
    return _Length(int.from_bytes(head[at + 1 : body_at], "big"), body_at)


def _old_length(head: bytes) -> _Length:
    """Read an old-format length (RFC 9580 §4.2.2), whose size the tag octet tells."""
    size = 1 << (head[0] & 3)
    body_at = 1 + size
    if size == 8 or body_at > len(head):
        raise PacketError("length indeterminate or cut off")
    return _Length(int.from_bytes(head[1:body_at], "big"), body_at)
