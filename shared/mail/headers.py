"""The header block of a message, scanned once.

Strategy: a block is taken apart by one expression, field by field, in one pass over at most 256 KB; nothing is
decoded and nothing is recursive, so no header can cost more than its own length. What other programs read in
two ways is malformed here: a line without a colon, white space before the colon (RFC 5322 §4.5.1), a folded
line of white space only (§4.2), control characters, a block without its final empty line, a singleton
given twice (§3.6), Resent-* (a client has no business with them, and their rules are a maze).
"""

import re
from dataclasses import dataclass
from typing import NamedTuple

MAX_HEADER = 256 * 1024
MAX_FIELDS = 1000
_FIRST_LOOK = 8 * 1024  # nearly every block ends here, and a copy of more would be wasted

_FIELD = re.compile(rb"([!-9;-~]++):[^\r\n]*+\r\n(?:[ \t]++[^ \t\r\n][^\r\n]*+\r\n)*+")
_CONTROLS = bytes(set(range(32)) - set(b"\t\r\n")) + b"\x7f"
# From, Content-Type and Content-Transfer-Encoding are singletons too; who reads them counts them.
_SINGLETONS = frozenset(
    b"sender reply-to to cc bcc date message-id in-reply-to references subject mime-version secure-join".split()
)


class Field(NamedTuple):
    """One field: its name in lower case, and where it lies: name, colon, first octet after its CRLF."""

    name: bytes
    start: int
    colon: int
    end: int


@dataclass(frozen=True, slots=True)
class Headers:
    """A scanned header block: `octets` up to and without the empty line, `size` with it."""

    octets: bytes
    size: int
    fields: tuple[Field, ...]
    is_malformed: bool

    def values(self, name: bytes) -> list[bytes]:
        """Return the values of every field of that (lower-case) name, unfolded and trimmed."""
        return [
            self.octets[f.colon + 1 : f.end].replace(b"\r\n", b"").strip(b" \t") for f in self.fields if f.name == name
        ]

    def only(self, name: bytes) -> bytes | None:
        """Return the value of the one field of that name; None if there is none, or more than one."""
        values = self.values(name)
        return values[0] if len(values) == 1 else None


def scan(view: memoryview) -> Headers:
    """Scan the header block that `view` begins with; limits are MAX_HEADER octets and MAX_FIELDS fields."""
    for window in (_FIRST_LOOK, MAX_HEADER):
        head = bytes(view[:window])
        if head.startswith(b"\r\n"):
            return Headers(b"", 2, (), is_malformed=True)  # RFC 5322 §2.1: no fields, and all the rest is body
        end = head.find(b"\r\n\r\n")
        if end >= 0:
            return _split(head[: end + 2])
    return Headers(b"", len(view), (), is_malformed=True)


def _split(block: bytes) -> Headers:
    fields: list[Field] = []
    at = 0
    # Matched where the last one ended, never searched for: a line that is no field would be looked at from every octet.
    while len(fields) < MAX_FIELDS and (field := _FIELD.match(block, at)):
        start, colon = field.span(1)
        at = field.end()
        fields.append(Field(field[1].lower(), start, colon, at))
    is_malformed = at != len(block) or _has_controls(block) or _is_ambiguous([field.name for field in fields])
    return Headers(block, len(block) + 2, tuple(fields), is_malformed)


def _has_controls(block: bytes) -> bool:
    return len(block.translate(None, _CONTROLS)) != len(block)


def _is_ambiguous(names: list[bytes]) -> bool:
    singletons = [name for name in names if name in _SINGLETONS]
    return len(singletons) != len(set(singletons)) or any(name.startswith(b"resent-") for name in names)
