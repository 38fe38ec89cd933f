"""Telling the armor of an encrypted OpenPGP message from everything else.

Strategy: whatever a person could read must not fit in. So: the BEGIN line, an empty line, base64, at most one
checksum line, the END line. Armor headers (`Comment:`, `Version:`) are refused, since they carry free text and
no current writer makes them by default. Every character outside base64 is refused, and so is white space within
a line: letters and spaces are all a sentence needs. At line ends it means nothing and is let through. The
checksum is not verified: RFC 9580 §6.1 forbids refusing for it. Every character is looked at, but only the
packet headers are decoded, slice by slice, so that a large message costs little time and bounded memory.
"""

import re
from binascii import Error as Base64Error
from binascii import a2b_base64
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from shared.openpgp.packets import HEADER, PacketError, Walk

if TYPE_CHECKING:
    from typing_extensions import Buffer

SLICE = 1 << 18
_EDGE = 256  # how far the first and the last lines are looked for
_QUADS = (HEADER + 2 + 2) // 3 * 4  # base64 characters that hold HEADER octets wherever they begin
_WHITE = b" \t\r\n"
_BASE64 = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_OPENING = re.compile(rb"[ \t\r\n]*+-----BEGIN PGP MESSAGE-----[ \t]*+\r\n[ \t]*+\r\n")
_END_LINE = b"\r\n-----END PGP MESSAGE-----"
_INNER_WHITE = re.compile(rb"[ \t][^ \t\r\n]")
_CHECKSUM = re.compile(rb"=[A-Za-z0-9+/]{4}")


class ArmorError(ValueError):
    """A character stands where only base64 may."""


class _Payload(NamedTuple):
    """Where the base64 lies, without its padding, and how many padding characters follow."""

    start: int
    end: int
    padding: int


def is_encrypted_armor(data: "Buffer") -> bool:
    """Tell whether `data` is one armored message of session-key packets and one encrypted data packet."""
    with memoryview(data) as view:
        payload = _payload(view)
        return payload is not None and _is_encrypted(view, payload)


def _payload(view: memoryview) -> _Payload | None:
    """Find the base64; None if the lines around it are not in order."""
    opening = _OPENING.match(bytes(view[:_EDGE]))
    if not opening:
        return None
    start = opening.end()
    edge_at = max(start - 2, len(view) - _EDGE)  # the empty line's CRLF may be the END line's own
    edge = bytes(view[edge_at:]).rstrip(_WHITE)
    if not edge.endswith(_END_LINE):
        return None
    edge = edge[: -len(_END_LINE)].rstrip(_WHITE)
    last_line_at = max(edge.rfind(b"\n") + 1, start - edge_at)
    if _CHECKSUM.fullmatch(edge, last_line_at):
        edge = edge[:last_line_at].rstrip(_WHITE)
    end = len(edge.rstrip(b"=" + _WHITE))
    return _Payload(start, edge_at + end, edge.count(b"=", end))


def _is_encrypted(view: memoryview, payload: _Payload) -> bool:
    walk = Walk()
    text = b""
    length = ready = at = 0  # base64 characters in all; octets in `text`; the next header, in octets from there
    try:
        for chunk, is_last in _slices(view, payload):
            length += len(chunk)
            text += chunk
            ready = len(text) * 3 >> 2
            while at < ready and (is_last or at + HEADER <= ready):
                at += walk.step(_octets(text, at))
            done = min(at // 3, len(text) >> 2)
            text, at, ready = text[done << 2 :], at - done * 3, ready - done * 3
    except (ArmorError, Base64Error, PacketError):
        return False
    is_padded = payload.padding <= 2 and (length + payload.padding) & 3 == 0
    return is_padded and at == ready and walk.is_complete


def _slices(view: memoryview, payload: _Payload) -> Iterator[tuple[bytes, bool]]:
    """Yield the base64 without white space, with whether it is the last of it; raise ArmorError for all else."""
    for at in range(payload.start, payload.end, SLICE):
        end = min(at + SLICE, payload.end)
        chunk = bytes(view[at - 1 : end])  # the octet before, to see white space across slices
        text = chunk[1:].translate(None, _WHITE)
        if text.translate(None, _BASE64) or _has_spaced_words(chunk):
            raise ArmorError("not base64")
        yield text, end == payload.end


def _has_spaced_words(chunk: bytes) -> bool:
    return (b" " in chunk or b"\t" in chunk) and bool(_INNER_WHITE.search(chunk))


def _octets(text: bytes, at: int) -> bytes:
    """Decode the HEADER octets of base64 `text` from octet `at`; fewer at its end."""
    start = at // 3 << 2
    quads = text[start : start + _QUADS]
    return a2b_base64(quads + b"=" * (-len(quads) & 3))[at % 3 :][:HEADER]
