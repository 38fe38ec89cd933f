"""A message's parts as values: where each lies, what it says of itself, and how parts are numbered.

Offsets and sizes are octets from the start of the whole message. A part numbered by RFC 3501 §6.4.5 is found by
walking down; a message that is not a multipart has one part, its body, numbered 1.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from imap.content.content_fields import TYPED_OPAQUE, TYPED_TEXT, Typed, read_typed


@dataclass(slots=True)
class Part:
    """A part: header [start, body), body [body, end); `lines` are the line ends in its body.

    `content` holds its Content-* fields by lower-case name without the prefix. `header` are the fields that an envelope
    tells, of a whole message inside a message; empty for any other part. `parts` are a multipart's parts, or the one
    message in a message/rfc822.
    """

    start: int
    body: int = 0
    end: int = 0
    lines: int = 0
    type: Typed = TYPED_TEXT
    content: dict[bytes, bytes] = field(default_factory=dict)
    header: bytes = b""
    parts: list["Part"] = field(default_factory=list)

    @property
    def size(self) -> int:
        """Octets of the body, as they stand."""
        return self.end - self.body

    @property
    def is_multipart(self) -> bool:
        return self.type.media == b"multipart"

    @property
    def is_message(self) -> bool:
        """Whether it holds a whole message, taken apart."""
        return self.type.full == b"message/rfc822"

    @property
    def encoding(self) -> bytes:
        """The content transfer encoding in lower case, 7bit unless it says another (RFC 2045 §6.1)."""
        return self.content.get(b"transfer-encoding", b"").partition(b";")[0].strip().lower() or b"7bit"

    @property
    def disposition(self) -> Typed | None:
        """The disposition and its parameters, None without one (RFC 2183)."""
        said = self.content.get(b"disposition")
        return read_typed(said) if said else None

    def settle(self) -> None:
        """Make the type one that the part can be told as, once all of it is known."""
        if self.is_multipart and not self.parts:
            self.type = TYPED_TEXT  # no delimiter, no multipart
        elif self.is_message and not self.parts:
            self.make_opaque()

    def make_opaque(self) -> None:
        """Tell nothing of what is inside."""
        self.type = TYPED_OPAQUE

    def leaves(self) -> Iterator["Part"]:
        """Yield the parts that hold no parts, in order."""
        if not self.parts:
            yield self
        for part in self.parts:
            yield from part.leaves()

    def messages(self) -> Iterator["Part"]:
        """Yield the messages inside, in order."""
        for part in self.parts:
            if self.is_message:
                yield part
            yield from part.messages()


def find(message: Part, path: Sequence[int]) -> Part | None:
    """Return the part of a message that a part number names, None if there is none; no number names the message."""
    part, is_whole = message, True
    for number in path:
        if part.is_message and not is_whole:
            part, is_whole = part.parts[0], True
        if part.is_multipart:
            if number > len(part.parts):
                return None
            part = part.parts[number - 1]
        elif not is_whole or number != 1:
            return None
        is_whole = False
    return part
