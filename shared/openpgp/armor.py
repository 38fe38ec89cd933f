"""Telling the armor of an encrypted OpenPGP message from everything else.

Strategy: whatever a person could read must not fit in. So: the BEGIN line, an empty line, base64, at most one
checksum line, the END line. Armor headers (`Comment:`, `Version:`) carry free text and no current writer makes them by
default: they are refused, but for one short `Version:` line, which is told apart, since old writers elsewhere make it
and a door may let it in. Every character outside base64 is refused. Letters and breaks between
them are all a sentence needs, so the breaks are given: all lines but the last are equally long, and as long as
real writers make them (OpenPGP.js 60, GnuPG, Sequoia and rPGP 64, RNP 76; RFC 9580 §6.2 allows no more), without
white space at their ends. Only around the whole of it is white space let through. What this cannot see is prose
in base64 letters run together without a break. The checksum is not verified: RFC 9580 §6.1 forbids refusing for
it. Every character is looked at, but only the packet headers are decoded, and line ends are compared all at once,
slice by slice, so that a large message costs little time and bounded memory.
"""

import re
from binascii import Error as Base64Error
from binascii import a2b_base64
from collections.abc import Iterator
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from shared.openpgp.packets import HEADER, PacketError, Walk

if TYPE_CHECKING:
    from typing_extensions import Buffer

SLICE = 1 << 12  # lines looked at at once
_NARROWEST, _WIDEST = 60, 76  # columns
_EDGE = 256  # how far the first and the last lines are looked for
_QUADS = (HEADER + 2 + 2) // 3 * 4  # base64 characters that hold HEADER octets wherever they begin
_WHITE = b" \t\r\n"
_BASE64 = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
# A program's name and number, such as `GnuPG v2.0.22 (GNU/Linux)`: up to five words.
_VERSION = rb"Version: [A-Za-z][A-Za-z0-9./#_-]{0,19}+(?: [A-Za-z0-9./#()_+-]{1,16}+){0,4}+[ \t]*+\r\n"
_OPENING = re.compile(
    rb"[ \t\r\n]*+-----BEGIN PGP MESSAGE-----[ \t]*+\r\n(" + _VERSION + rb")?+[ \t]*+\r\n",
)
_END_LINE = b"\r\n-----END PGP MESSAGE-----"
_CHECKSUM = re.compile(rb"=[A-Za-z0-9+/]{4}")


class ArmorError(ValueError):
    """A character stands where only base64 may, or a line is longer or shorter than the first."""


class Armor(StrEnum):
    """What a text is."""

    OTHER = "no encrypted message"
    ENCRYPTED = "an armored encrypted message"
    VERSIONED = "an armored encrypted message with a Version line"


class _Payload(NamedTuple):
    """Where the base64 lies, without its padding; how many padding characters follow; how long its lines are."""

    start: int
    end: int
    padding: int
    columns: int
    has_version: bool


def read_armor(data: "Buffer") -> Armor:
    """Tell whether `data` is one armored message of session-key packets and one encrypted data packet."""
    with memoryview(data) as view:
        payload = _payload(view)
        if payload is None or not _is_encrypted(view, payload):
            return Armor.OTHER
        return Armor.VERSIONED if payload.has_version else Armor.ENCRYPTED


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
    columns = _columns(view, start, edge_at + end)
    padding = edge.count(b"=", end)
    return _Payload(start, edge_at + end, padding, columns, opening[1] is not None) if columns else None


def _columns(view: memoryview, start: int, end: int) -> int:
    """Return the length of the first line, or of the only one; 0 if no writer makes such a line."""
    length = bytes(view[start : min(end, start + _WIDEST + 1)]).find(b"\r")
    if length < 0:
        return end - start if 0 < end - start <= _WIDEST else 0
    return length if length >= _NARROWEST else 0


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
    """Yield the base64 without line ends, with whether it is the last of it; raise ArmorError for all else."""
    columns = payload.columns
    stride = columns + 2
    for at in range(payload.start, payload.end, SLICE * stride):
        end = min(at + SLICE * stride, payload.end)
        chunk = bytes(view[at:end])  # whole lines; the last of all has no end, for the payload ends before it
        lines = len(chunk) // stride
        text = chunk.translate(None, b"\r\n")
        is_even = chunk[columns::stride] == b"\r" * lines and chunk[columns + 1 :: stride] == b"\n" * lines
        if not is_even or len(text) + 2 * lines != len(chunk) or text.translate(None, _BASE64):
            raise ArmorError("not base64 in even lines")
        yield text, end == payload.end


def _octets(text: bytes, at: int) -> bytes:
    """Decode the HEADER octets of base64 `text` from octet `at`; fewer at its end."""
    start = at // 3 << 2
    quads = text[start : start + _QUADS]
    return a2b_base64(quads + b"=" * (-len(quads) & 3))[at % 3 :][:HEADER]
