"""The MIME structure of a message, found slice by slice (RFC 2046 §5.1).

Strategy: only two kinds of lines matter, an empty one that ends a header and one that begins with `--`; between them
the scanner leaps. So it costs time in proportion to the message, keeps no more than the line it waits for, and can be
fed a large message in slices of any size, always with the same result. Lines end with CRLF, as mail is stored. What
mail gets wrong has a plain reading: a part without an end ends where an outer one goes on, a multipart without
delimiters is text, and what is nested too deeply, or comes after too many parts, is told as one part that holds none.
"""

import re
from dataclasses import dataclass

from imap.content.content_fields import (
    MAX_BOUNDARY,
    TYPED_MESSAGE,
    TYPED_TEXT,
    Typed,
    content_fields,
    envelope_fields,
    media_type,
)
from imap.content.part import Part

MAX_DEPTH = 20
MAX_PARTS = 1000
MAX_LOOKS = 500_000  # lines that begin with `--`, about a second's worth
MAX_HEADER = 32 * 1024  # octets of a part's header that are read
MAX_KEPT = 64 * 1024  # octets of header fields kept of all parts: about 50 ms of reading addresses at worst
MAX_LINE = MAX_BOUNDARY + 56  # a delimiter with white space behind it

_OF_HEADER = re.compile(rb"\r\n(?=\r\n|--)")
_BEGUN = tuple(b"\r\n--"[:size] for size in (3, 2, 1))
_KEPT_FIELDS = frozenset(
    [b"transfer-encoding", b"id", b"description", b"disposition", b"language", b"location", b"md5"]
)


@dataclass(slots=True)
class _Open:
    """A part whose end is not known yet; `read` is what has been read of its header, None once its body has begun."""

    part: Part
    default: Typed
    is_whole: bool  # a message, not a part of one
    first_line: int = 0
    boundary: bytes = b""
    read: bytearray | None = None


class Scanner:
    """Takes a message's header whole, then its body in slices; `looks` counts the lines that were looked at."""

    def __init__(self, header: bytes) -> None:
        self.looks = 0
        self._kept = self._parts = self._lines = 0
        self._at = len(header)
        self._tail = b""
        self._is_fresh = True  # at the beginning of a line
        self._open: list[_Open] = []
        self._delimiters: dict[bytes, int] = {}
        self._root = self._begin(0, TYPED_TEXT, is_whole=True)
        self._end_header(self._open[-1], header, len(header))

    def feed(self, data: bytes) -> None:
        """Take the next slice of the body."""
        self._scan(self._tail + data if self._tail else data, is_last=False)

    def finish(self) -> Part:
        """Return the message as a part; the body is all there."""
        self._scan(self._tail, is_last=True)
        self._close_above(0, self._at, self._lines)
        self._close(self._open.pop(), self._at, self._lines)
        return self._root

    # Finding the lines that matter

    def _scan(self, data: bytes, *, is_last: bool) -> None:
        at = 0
        while (start := self._next_line(data, at)) >= 0:
            self._pass(data, at, start)
            at, self._is_fresh = start, True
            end = data.find(b"\r\n", start, start + MAX_LINE)
            if end < 0 and not is_last and len(data) - start < MAX_LINE:
                self._tail = data[start:]
                return
            at = self._look_at(data, start, end)
        kept = 0 if is_last else self._begun(data, at)
        if len(data) - kept > at:
            self._is_fresh = False
        self._pass(data, at, len(data) - kept)
        self._tail = data[len(data) - kept :]

    def _look_at(self, data: bytes, start: int, end: int) -> int:
        """Act on the line that begins here; return how far it is done with. `end` is -1 where no line end follows."""
        self.looks += 1
        if start == end:  # only in a header is an empty line looked at
            self._skip(2)
            opened = self._open[-1]
            self._end_header(opened, bytes(opened.read or b""), self._at)
            return end + 2
        depth, is_end = self._delimiter(data[start : end if end >= 0 else start + MAX_LINE])
        if self.looks > MAX_LOOKS:
            self._give_up()
        elif depth >= 0 and (end >= 0 or len(data) - start < MAX_LINE):
            # RFC 2046 §5.1.1: the CRLF before the delimiter is part of it.
            self._close_above(depth, self._at - 2, self._lines - 1)
            self._skip((end + 2 if end >= 0 else len(data)) - start, lines=end >= 0)
            self._delimit(is_end=is_end or end < 0)
            return end + 2 if end >= 0 else len(data)
        self._pass(data, start, start + 2)
        self._is_fresh = False
        return start + 2

    def _next_line(self, data: bytes, at: int) -> int:
        """Return where the next line that matters begins, -1 if none does in sight."""
        is_in_header = self._open[-1].read is not None
        if self._is_fresh and (data.startswith(b"--", at) or (is_in_header and data.startswith(b"\r\n", at))):
            return at
        if is_in_header:
            match = _OF_HEADER.search(data, at)
            return match.end() if match else -1
        found = data.find(b"\r\n--", at) if self._delimiters else -1
        return found + 2 if found >= 0 else -1

    def _begun(self, data: bytes, at: int) -> int:
        """Return how many octets at the end may be the beginning of a line that matters."""
        rest = data[max(at, len(data) - 3) :]
        if self._is_fresh and len(data) - at == 1 and rest in (b"-", b"\r"):
            return 1
        if rest == b"\r\n\r":
            return 3
        return next((len(begun) for begun in _BEGUN if rest.endswith(begun)), 0)

    def _pass(self, data: bytes, at: int, end: int) -> None:
        """Go on to `end`; what is passed belongs to the part that is open."""
        read = self._open[-1].read
        if read is not None and len(read) < MAX_HEADER:
            read += data[at : min(end, at + MAX_HEADER)]
        self._skip(end - at, data.count(b"\n", at, end))

    def _skip(self, octets: int, lines: int = 1) -> None:
        self._at += octets
        self._lines += lines

    # What a line means

    def _delimiter(self, line: bytes) -> tuple[int, bool]:
        """Return the depth of the multipart that a line delimits, -1 if none, and whether it ends it."""
        text = line[2:].rstrip(b" \t")
        depth = self._delimiters.get(text, -1)
        if depth >= 0 or not text.endswith(b"--"):
            return depth, False
        return self._delimiters.get(text[:-2], -1), True

    def _delimit(self, *, is_end: bool) -> None:
        """The multipart that is open goes on with another part, or ends."""
        multipart = self._open[-1]
        if is_end:
            multipart.boundary = b""
            self._know()
            return
        is_digest = multipart.part.type.full == b"multipart/digest"
        part = self._begin(self._at, TYPED_MESSAGE if is_digest else TYPED_TEXT, is_whole=False)
        multipart.part.parts.append(part)
        if self._parts >= MAX_PARTS:
            self._give_up()

    def _begin(self, start: int, default: Typed, *, is_whole: bool) -> Part:
        part = Part(start, start, start)
        self._parts += 1
        self._open.append(_Open(part, default, is_whole, read=bytearray()))
        return part

    def _end_header(self, opened: _Open, header: bytes, body: int) -> None:
        """A header is there: what comes is a body, of parts or a message if it may be."""
        self._describe(opened, header, body)
        opened.first_line, opened.read = self._lines, None
        part = opened.part
        if len(self._open) > MAX_DEPTH or self._parts >= MAX_PARTS:
            if part.is_multipart or part.is_message:
                part.make_opaque()
        elif part.is_multipart:
            opened.boundary = part.type.boundary  # none if too much is kept already
            self._know()
        elif part.is_message:
            part.parts.append(self._begin(body, TYPED_TEXT, is_whole=True))

    def _describe(self, opened: _Open, header: bytes, body: int) -> None:
        part, said = opened.part, content_fields(header)
        part.body = part.end = body
        part.type = media_type(said.get(b"type"), opened.default)
        part.content = {name: value for name, value in said.items() if name in _KEPT_FIELDS}
        part.header = envelope_fields(header) if opened.is_whole and part is not self._root else b""
        self._kept += len(part.header) + sum(map(len, said.values()))
        if self._kept > MAX_KEPT:
            part.content, part.header = {}, b""
            part.type = part.type._replace(parameters=())

    def _close_above(self, depth: int, end: int, lines: int) -> None:
        """End what is inside the part at `depth`."""
        while len(self._open) > depth + 1:
            self._close(self._open.pop(), end, lines)
        self._know()

    def _close(self, opened: _Open, end: int, lines: int) -> None:
        part = opened.part
        if opened.read is not None:  # it ended in its header
            self._describe(opened, bytes(opened.read), max(part.start, end))
            opened.first_line = lines
        # Where two delimiters follow each other, the CRLF between them is the first one's.
        part.end = max(part.body, end, part.parts[-1].end if part.parts else 0)
        part.lines = max(0, lines - opened.first_line)
        part.settle()

    def _know(self) -> None:
        """Look for the delimiters of what is open; the innermost counts where two are alike."""
        self._delimiters = {opened.boundary: depth for depth, opened in enumerate(self._open) if opened.boundary}

    def _give_up(self) -> None:
        """All that follows belongs to the part that is open."""
        opened = self._open[-1]
        if opened.read is not None:
            opened.read, opened.first_line = None, self._lines
            opened.part.make_opaque()
        for outer in self._open:
            outer.boundary = b""
        self._know()


def scan(message: bytes, header_size: int) -> Part:
    """Return the structure of a message that is in memory."""
    scanner = Scanner(message[:header_size])
    scanner.feed(message[header_size:])
    return scanner.finish()
