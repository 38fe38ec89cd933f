"""Content-* fields, read as mail really has them (RFC 2045 §5.1, RFC 2183, RFC 2231).

Strategy: the gate reads the same fields strictly (`shared.mail.content`); here a reader's client wants the best there
is. One expression finds the fields, another takes parameters one after the other; what cannot be read is left out.
Parameters in pieces (RFC 2231 §3) are told as they stand: putting them together is the client's business.
"""

import re
from typing import NamedTuple

MAX_VALUE = 8 * 1024  # octets of one field
MAX_PARAMETERS = 100
MAX_BOUNDARY = 200  # RFC 2046 §5.1.1 allows 70

_FIELD = re.compile(rb"^content-([a-z0-9-]{1,40}+)[ \t]*+:([^\n]*+(?:\n[ \t][^\n]*+)*+)", re.IGNORECASE | re.MULTILINE)
_ENVELOPE = re.compile(
    rb"^(?:date|subject|from|sender|reply-to|to|cc|bcc|in-reply-to|message-id)[ \t]*+:[^\n]*+\n(?:[ \t][^\n]*+\n)*+",
    re.IGNORECASE | re.MULTILINE,
)
_TOKEN = rb"[^\x00-\x20\x7f-\xff()<>@,;:\\\"/\[\]?=]++"
_TYPE = re.compile(rb"[ \t]*+(" + _TOKEN + rb")(?:[ \t]*+/[ \t]*+(" + _TOKEN + rb"))?+")
_SPACE = rb"[ \t]*+(?:\([^()]{0,100}+\)[ \t]*+)?+"  # and a comment (RFC 2045 §5.1)
_PARAMETER = re.compile(
    rb"[^;]*+;[ \t]*+(?:(%b)%b=%b(?:\"((?:[^\"\\]|\\.)*+)(?:\"|\\?\Z)|([^;\s(]*+)))?+" % (_TOKEN, _SPACE, _SPACE),
    re.DOTALL,
)
_ESCAPE = re.compile(rb"\\(.)", re.DOTALL)
_WORD = re.compile(rb"[a-z0-9-]{1,40}+", re.IGNORECASE)


class Typed(NamedTuple):
    """A word or a type, in two pieces where it has them, and parameters, all as written."""

    name: bytes
    subtype: bytes
    parameters: tuple[tuple[bytes, bytes], ...]

    @property
    def media(self) -> bytes:
        """The first piece in lower case."""
        return self.name.lower()

    @property
    def full(self) -> bytes:
        """Both pieces in lower case."""
        return self.name.lower() + b"/" + self.subtype.lower()

    def says(self, wanted: bytes) -> bytes | None:
        """Return the value of a parameter, its name given in lower case."""
        return next((value for name, value in self.parameters if name.lower() == wanted), None)

    @property
    def boundary(self) -> bytes:
        """What stands between parts, empty if that is not to be known."""
        said = (self.says(b"boundary") or b"").rstrip(b" \t")
        return said if len(said) <= MAX_BOUNDARY else b""


TYPED_TEXT = Typed(b"text", b"plain", ((b"charset", b"us-ascii"),))  # RFC 2045 §5.2
TYPED_MESSAGE = Typed(b"message", b"rfc822", ())  # RFC 2046 §5.1.5: what stands in a digest
TYPED_OPAQUE = Typed(b"application", b"octet-stream", ())


def content_fields(header: bytes) -> dict[bytes, bytes]:
    """Return the first of each Content-* field of a header block, unfolded, by lower-case name without the prefix."""
    found: dict[bytes, bytes] = {}
    for match in _FIELD.finditer(header):
        name = match[1].lower()
        if name not in found:
            found[name] = match[2].replace(b"\r", b"").replace(b"\n", b"").strip(b" \t")[:MAX_VALUE]
    return found


def envelope_fields(header: bytes) -> bytes:
    """Return the fields of a header block that an ENVELOPE tells, whole lines."""
    return b"".join(_ENVELOPE.findall(header))


def media_type(value: bytes | None, default: Typed = TYPED_TEXT) -> Typed:
    """Return what a Content-Type field says, `default` if it says nothing that can be read."""
    found = read_typed(value) if value else None
    if found is None:
        return default
    if not found.subtype:
        return TYPED_TEXT
    if found.media == b"text" and found.says(b"charset") is None:
        return found._replace(parameters=(*found.parameters, (b"charset", b"us-ascii")))
    return found


def read_typed(value: bytes) -> Typed | None:
    """Read a type or a word and its parameters."""
    match = _TYPE.match(value)
    return Typed(match[1], match[2] or b"", _parameters(value, match.end())) if match else None


def words(value: bytes) -> list[bytes]:
    """Return the words of a list with commas (Content-Language, RFC 3282)."""
    return [match[0] for item in value.split(b",")[:MAX_PARAMETERS] if (match := _WORD.match(item.strip()))]


def _parameters(value: bytes, at: int) -> tuple[tuple[bytes, bytes], ...]:
    found: list[tuple[bytes, bytes]] = []
    while len(found) < MAX_PARAMETERS and (match := _PARAMETER.match(value, at)):
        at = match.end()
        if match[1]:
            quoted = match[2]
            found.append((match[1], match[3] if quoted is None else _ESCAPE.sub(rb"\1", quoted)))
    return tuple(found)
