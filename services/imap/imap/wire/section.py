"""`BODY[…]` and `BINARY[…]` sections and partial ranges (RFC 3501 §6.4.5, RFC 3516 §4).

Strategy: a section is read into a value, and cut out of a message as a span (offset and length) wherever it is
one, so that a large message can be answered from the store slice by slice. Only header fields are picked out
of octets in memory. Where a numbered part lies is for the message's structure to say.
"""

from dataclasses import dataclass
from enum import Enum

from imap.content.part import Part, find
from imap.wire.answer import bad
from imap.wire.grammar import Scanner

MAX_FIELDS = 100
MAX_PART_DEPTH = 40  # of multiparts in messages in multiparts


class Form(Enum):
    """In which form a section is wanted."""

    AS_IT_STANDS = b"BODY"
    DECODED = b"BINARY"
    DECODED_SIZE = b"BINARY.SIZE"


@dataclass(frozen=True, slots=True)
class Section:
    """What is asked of a message's text; `label` is how the answer names it."""

    text: bytes = b""  # "", HEADER, TEXT, MIME, HEADER.FIELDS or HEADER.FIELDS.NOT
    fields: frozenset[bytes] = frozenset()  # lower case
    partial: tuple[int, int] | None = None  # first octet, and how many at most
    label: bytes = b"BODY[]"
    path: tuple[int, ...] = ()  # the part's number, piece by piece; none: the message
    form: Form = Form.AS_IT_STANDS

    @property
    def is_span(self) -> bool:
        """Whether the section is one run of the message's octets."""
        return not self.fields

    @property
    def needs_header(self) -> bool:
        """Whether the header, or where it ends, must be known."""
        return self.text != b""

    def span(self, header_size: int, size: int) -> tuple[int, int]:
        """Return offset and length in a message of `size` octets."""
        start = header_size if self.text == b"TEXT" else 0
        return self.cut(start, header_size if self.text == b"HEADER" else size)

    def cut(self, start: int, end: int) -> tuple[int, int]:
        """Return offset and length of what is wanted of the octets from `start` to `end`."""
        if self.partial is None:
            return start, end - start
        first = min(start + self.partial[0], end)
        return first, min(self.partial[1], end - first)

    def bounds(self, message: Part) -> tuple[int, int] | None:
        """Return where a numbered section begins and ends, None if there is no such part."""
        part = find(message, self.path)
        if part is None:
            return None
        if self.text == b"MIME":
            return part.start, part.body
        if not self.text:
            return part.body, part.end
        if not part.is_message:  # HEADER and TEXT are a message's
            return None
        inner = part.parts[0]
        return (inner.body, inner.end) if self.text == b"TEXT" else (inner.start, inner.body)

    def pick(self, header: bytes) -> bytes:
        """Return the chosen fields of a header block and an empty line (§6.4.5, HEADER.FIELDS)."""
        picked = pick_fields(header, self.fields, is_not=self.text == b"HEADER.FIELDS.NOT")
        if self.partial is None:
            return picked
        return picked[self.partial[0] : self.partial[0] + self.partial[1]]


def pick_fields(header: bytes, names: frozenset[bytes], *, is_not: bool = False) -> bytes:
    """Return the fields whose lower-case name is in `names` (or is not), whole lines, then an empty line."""
    kept: list[bytes] = []
    is_kept = False
    for line in header.split(b"\r\n"):
        if not line:
            break
        if line[0] not in b" \t":
            is_kept = (line.partition(b":")[0].rstrip().lower() in names) is not is_not
        if is_kept:
            kept.append(line)
    return b"\r\n".join([*kept, b"\r\n"]) if kept else b"\r\n"


def read(scanner: Scanner) -> Section:
    """Read from after `BODY[` to the end of the section and its partial range."""
    path, text, fields, spelt = _path(scanner), b"", frozenset[bytes](), b""
    if not scanner.takes(b"]"):
        if path:
            scanner.expect(b".")
        text = scanner.keyword()
        if text in (b"HEADER.FIELDS", b"HEADER.FIELDS.NOT"):
            scanner.space()
            names = _field_names(scanner)
            fields, spelt = frozenset(name.lower() for name in names), b" (" + b" ".join(names) + b")"
        elif text not in (b"HEADER", b"TEXT") and not (path and text == b"MIME"):
            raise bad("Unknown section")
        scanner.expect(b"]")
    label = b"BODY[" + b".".join([*_spelt(path), *([text] if text else [])]) + spelt + b"]"
    partial = _partial(scanner)
    return Section(text, fields, partial, _with_origin(label, partial), path)


def read_binary(scanner: Scanner, form: Form) -> Section:
    """Read from after `BINARY[` or `BINARY.SIZE[` to the end of the section and its partial range (RFC 3516 §4.2)."""
    path = _path(scanner)
    scanner.expect(b"]")
    label = b"%b[%b]" % (form.value, b".".join(_spelt(path)))
    partial = _partial(scanner) if form is Form.DECODED else None
    return Section(b"", frozenset(), partial, _with_origin(label, partial), path, form)


def _with_origin(label: bytes, partial: tuple[int, int] | None) -> bytes:
    return label if partial is None else b"%b<%d>" % (label, partial[0])


def _spelt(path: tuple[int, ...]) -> list[bytes]:
    return [b"%d" % number for number in path]


def _path(scanner: Scanner) -> tuple[int, ...]:
    """Take a part number, up to the `.` that a word follows, or to the end."""
    path: list[int] = []
    while scanner.peek().isdigit():
        path.append(scanner.number())
        if path[-1] == 0:
            raise bad("Parts are numbered from 1")
        if len(path) > MAX_PART_DEPTH:
            raise bad("Parts nested too deeply")
        if not scanner.takes_before_digit(b"."):
            break
    return tuple(path)


def _field_names(scanner: Scanner) -> list[bytes]:
    return scanner.several(_field_name, MAX_FIELDS, "Too many header fields")


def _field_name(scanner: Scanner) -> bytes:
    name = scanner.astring()
    # RFC 5322 §3.6.8: printable US-ASCII but the colon; so the name can be repeated in the answer as an atom or so.
    if not name or not all(0x21 <= octet <= 0x7E and octet not in b':()[]{}"\\%*' for octet in name):
        raise bad("Invalid header field name")
    return name


def _partial(scanner: Scanner) -> tuple[int, int] | None:
    if not scanner.takes(b"<"):
        return None
    first = scanner.number()
    scanner.expect(b".")
    count = scanner.number()
    scanner.expect(b">")
    if count == 0:
        raise bad("A partial range of no octets")
    return first, count
