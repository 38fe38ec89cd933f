"""The octets that are signed: header fields and body in their canonical forms (RFC 6376 §3.4).

Strategy: every step is one pass of a built-in over bytes, so that the cost is linear and no loop of ours runs per
line. The body is read in slices that end where a line ends; what may turn out to be empty lines at the body's end is
only counted until something follows. So 30 MB cost one slice of memory, and 30 MB of empty lines cost none.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from hashlib import sha256
from typing import TYPE_CHECKING

from shared.mail.headers import Field

if TYPE_CHECKING:
    from typing_extensions import Buffer

_SLICE = 128 * 1024
_LINE_END = re.compile(rb"\r\n")
_REVERSED_LINE_ENDS = re.compile(rb"(?:\n\r)*+")
_LINES_AT_ONCE = 4096
_B_VALUE = re.compile(rb"(;[ \t\r\n]*+b[ \t\r\n]*+=)[^;]*+")


def header(block: bytes, fields: Iterable[Field], names: Sequence[bytes], *, is_relaxed: bool) -> bytes:
    """Return the canonical form of the fields that `names` (lower case) select.

    A name selects the lowest field of that name not selected yet, or nothing (§5.4.2).
    """
    lowest: dict[bytes, list[Field]] = {name: [] for name in names}
    for field in fields:
        if field.name in lowest:
            lowest[field.name].append(field)
    selected = [lowest[name].pop() for name in names if lowest[name]]
    return b"".join([canonical_field(block, field, is_relaxed=is_relaxed) for field in selected])


def canonical_field(block: bytes, field: Field, *, is_relaxed: bool) -> bytes:
    """Return one field with its line end."""
    if is_relaxed:
        return field.name + b":" + relaxed_value(block[field.colon + 1 : field.end]) + b"\r\n"
    return block[field.start : field.end]


def unsigned(block: bytes, field: Field, *, is_relaxed: bool) -> bytes:
    """Return the signature field as it was before the signature: nothing after `b=`, no line end (§3.7)."""
    name, value = block[field.start : field.colon + 1], block[field.colon + 1 : field.end - 2]
    bare = _B_VALUE.sub(rb"\1", b";" + value, count=1)[1:]  # as if every tag came after a semicolon
    return field.name + b":" + relaxed_value(bare) if is_relaxed else name + bare


def relaxed_value(value: bytes) -> bytes:
    """Unfold, reduce white space and trim (§3.4.2)."""
    return _reduced(value.replace(b"\r\n", b"")).strip(b" ")


def body_hash(raw: "Buffer", start: int, *, is_relaxed: bool) -> bytes:
    """Return the SHA-256 of the canonical form of the body that begins at `start` (§3.4.3, §3.4.4)."""
    digest = sha256()
    empty_lines, is_empty = 0, True
    for piece in _slices(raw, start):
        text = _relaxed_lines(piece) if is_relaxed else piece
        trailing = _trailing_line_ends(text)
        if len(text) == 2 * trailing:
            empty_lines += trailing
            continue
        for octets in _line_ends(empty_lines):
            digest.update(octets)
        digest.update(text[: len(text) - 2 * trailing])
        empty_lines, is_empty = trailing, False
    if not is_empty or not is_relaxed:  # an empty body is one line end in the simple form and nothing in the relaxed
        digest.update(b"\r\n")
    return digest.digest()


def _slices(raw: "Buffer", start: int) -> Iterator[bytes]:
    """Cut the body where lines end: no white space and no line end is ever torn apart."""
    with memoryview(raw) as view:
        while start < len(view):
            line_end = _LINE_END.search(view, start + _SLICE)
            end = line_end.end() if line_end else len(view)
            yield bytes(view[start:end])
            start = end


def _relaxed_lines(text: bytes) -> bytes:
    text = _reduced(text).replace(b" \r\n", b"\r\n")
    return text.removesuffix(b" ")  # a last line without its end


def _reduced(text: bytes) -> bytes:
    """Make every run of white space one space. A run halves each time round, so there are few rounds."""
    text = text.replace(b"\t", b" ")
    while b"  " in text:
        text = text.replace(b"  ", b" ")
    return text


def _trailing_line_ends(text: bytes) -> int:
    if not text.endswith(b"\r\n\r\n"):
        return int(text.endswith(b"\r\n"))
    line_ends = _REVERSED_LINE_ENDS.match(text[::-1])
    return line_ends.end() // 2 if line_ends else 0


def _line_ends(count: int) -> Iterator[bytes]:
    for _ in range(count // _LINES_AT_ONCE):
        yield b"\r\n" * _LINES_AT_ONCE
    yield b"\r\n" * (count % _LINES_AT_ONCE)
