"""`BODY[…]` sections and partial ranges (RFC 3501 §6.4.5).

Strategy: a section is read into a value, and cut out of a message as a span (offset and length) wherever it is
one, so that a large message can be answered from the store slice by slice. Only header fields are picked out
of octets in memory. Numbered parts need the MIME structure, which is not served: they are refused when read.
"""

from dataclasses import dataclass

from imap.wire.answer import bad, no
from imap.wire.grammar import Scanner

MAX_FIELDS = 100
MAX_PART_DEPTH = 20


@dataclass(frozen=True, slots=True)
class Section:
    """What is asked of a message's text; `label` is how the answer names it."""

    text: bytes = b""  # "", HEADER, TEXT, HEADER.FIELDS or HEADER.FIELDS.NOT
    fields: frozenset[bytes] = frozenset()  # lower case
    partial: tuple[int, int] | None = None  # first octet, and how many at most
    label: bytes = b"BODY[]"

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
        end = header_size if self.text == b"HEADER" else size
        if self.partial is None:
            return start, end - start
        first = min(start + self.partial[0], end)
        return first, min(self.partial[1], end - first)

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


def fields(header: bytes) -> dict[bytes, bytes]:
    """Return what a header block says, by the names of its fields, all in lower case, folds as they stand.

    What several fields of one name say stands together, each behind a NUL: no command can ask for one.
    """
    found: dict[bytes, list[bytes]] = {}
    said: list[bytes] = []  # a fold of no field belongs to none
    for line in header.lower().split(b"\r\n"):
        if not line:
            break
        if line[0] in b" \t":
            said.append(b"\r\n" + line)
        else:
            name, _, value = line.partition(b":")
            said = found.setdefault(name.rstrip(), [])
            said.append(b"\0" + value)
    return {name: b"".join(lines) for name, lines in found.items()}


def read(scanner: Scanner) -> Section:
    """Read from after `BODY[` to the end of the section and its partial range."""
    text, fields, spelt = b"", frozenset[bytes](), b""
    if not scanner.takes(b"]"):
        _refuse_parts(scanner)
        text = scanner.keyword()
        if text in (b"HEADER.FIELDS", b"HEADER.FIELDS.NOT"):
            scanner.space()
            names = _field_names(scanner)
            fields, spelt = frozenset(name.lower() for name in names), b" (" + b" ".join(names) + b")"
        elif text not in (b"HEADER", b"TEXT"):
            raise bad("Unknown section")
        scanner.expect(b"]")
    label = b"BODY[" + text + spelt + b"]"
    partial = _partial(scanner)
    return Section(text, fields, partial, label if partial is None else b"%b<%d>" % (label, partial[0]))


def _refuse_parts(scanner: Scanner) -> None:
    if not scanner.peek().isdigit():
        return
    for _ in range(MAX_PART_DEPTH):
        if scanner.number() == 0:
            raise bad("Parts are numbered from 1")
        if not scanner.takes(b"."):
            raise no("CANNOT", "MIME parts are not served: fetch the whole message")
        if not scanner.peek().isdigit():
            raise no("CANNOT", "MIME parts are not served: fetch the whole message")
    raise bad("Parts nested too deeply")


def _field_names(scanner: Scanner) -> list[bytes]:
    scanner.expect(b"(")
    names = [_field_name(scanner)]
    while not scanner.takes(b")"):
        scanner.space()
        names.append(_field_name(scanner))
        if len(names) > MAX_FIELDS:
            raise bad("Too many header fields")
    return names


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
