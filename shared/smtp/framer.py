r"""Cuts what a client sends into command lines and message octets (RFC 5321 §2.3.8, §4.1.1.4, §4.5.2).

Strategy: octets in, events out, nothing awaited. In a message nothing is looked at line by line: the end is one
search for CRLF.CRLF, and only that, for every other reading of it has let a second message be smuggled in. The
rest is taken in blocks that begin and end at a CRLF, so that each block can be checked (a CR or LF that stands
alone, a NUL, a line too long) and un-stuffed with a handful of whole-block operations. A message that fails a
check is read on to its real end, and nothing of it is kept.

While a message is read, the buffer begins with the CRLF of the line before (at first one that was never sent), so
that the empty message and a dot on the first line need no case of their own.
"""

from dataclasses import dataclass
from enum import Enum

MAX_LINE = 12_288  # octets with CRLF: AUTH's limit (RFC 4954 §4.3); other commands are held to less
MAX_FLOOD = 65_536  # octets of one command line, after which the client is not one of ours
MAX_TEXT_LINE = 1000  # octets with CRLF, without the dot of transparency (RFC 5321 §4.5.3.1.6)
BLOCK = 65_536
_TLS_HANDSHAKE = b"\x16"  # no command begins so, and a hello may hold no line end to wait for (RFC 8446 §5.1)
_CRLF, _END, _STUFFED = b"\r\n", b"\r\n.\r\n", b"\r\n."


class Verdict(Enum):
    """What is wrong with a message as octets."""

    BARE = "a CR or LF alone, or NUL"
    UNSTUFFED = "a line of text begins with a single dot"
    LONG_LINE = "line too long"
    TOO_LARGE = "message too large"


@dataclass(slots=True)
class Line:
    """A command line, without its CRLF."""

    octets: bytes


class BadLine(Enum):
    """A command line that cannot be one."""

    BARE = "ended by a LF alone"
    TOO_LONG = "longer than MAX_LINE"
    FLOOD = "MAX_FLOOD octets and no end in sight"
    TLS = "a TLS hello in clear text"


@dataclass(slots=True)
class Chunk:
    """Octets of a message, un-stuffed: whole lines."""

    octets: bytes


@dataclass(slots=True)
class End:
    """The last octets of a message; with a verdict there are none, and what came before does not count.

    `is_doubtful` says that a CR stands before the end mark, so that another reader could see the end elsewhere.
    """

    octets: bytes
    verdict: Verdict | None
    is_doubtful: bool


Event = Line | BadLine | Chunk | End


class Framer:
    """One client's octets; starts with command lines, and reads a message after each `start_message`."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._skipped = 0  # octets of a command line that are gone already
        self._searched = 0  # up to here there is no end of message
        self._is_stuffed = False  # a line of the message begins with a dot
        self._room = 0  # octets the message may still have
        self._verdict: Verdict | None = None
        self.is_in_message = False

    @property
    def pending(self) -> int:
        """Octets fed and not yet told of."""
        return len(self._buffer)

    def feed(self, octets: bytes) -> None:
        """Take what has arrived."""
        self._buffer += octets

    def clear(self) -> None:
        """Forget what was fed and not yet told of."""
        self._buffer.clear()

    def start_message(self, max_size: int) -> None:
        """Read a message of at most `max_size` octets next; nothing may be pending (RFC 2920 §3.1)."""
        self._buffer[:0] = _CRLF
        self._searched, self._room, self._verdict, self._is_stuffed = 0, max_size, None, False
        self.is_in_message = True

    def next(self) -> Event | None:
        """Return what comes next, or None if more is needed."""
        if not self._buffer:
            return None
        return self._next_of_message() if self.is_in_message else self._next_line()

    def next_line_if(self, starts: bytes) -> bytes | None:
        """Return the next command line without CRLF if it is there, sound, and starts so (in any case)."""
        if self._skipped or self._buffer[: len(starts)].upper() != starts:
            return None
        end = self._buffer.find(b"\n")
        if not 0 < end < MAX_LINE or self._buffer[end - 1] != 13:
            return None
        line = bytes(self._buffer[: end - 1])
        del self._buffer[: end + 1]
        return line

    def _next_line(self) -> Line | BadLine | None:
        if self._buffer[:1] == _TLS_HANDSHAKE:
            self._buffer.clear()
            return BadLine.TLS
        end = self._buffer.find(b"\n")
        if end < 0:
            return self._unfinished_line()
        line = bytes(self._buffer[: end + 1])
        del self._buffer[: end + 1]
        if self._skipped or end >= MAX_LINE:
            self._skipped = 0
            return BadLine.TOO_LONG
        return Line(line[:-2]) if line.endswith(_CRLF) else BadLine.BARE

    def _unfinished_line(self) -> BadLine | None:
        if self._skipped + len(self._buffer) <= MAX_LINE:
            return None
        self._skipped += len(self._buffer)
        self._buffer.clear()
        return BadLine.FLOOD if self._skipped > MAX_FLOOD else None

    def _next_of_message(self) -> Chunk | End | None:
        end = self._find_end()
        if end >= 0:
            return self._end(end)
        self._searched = max(0, len(self._buffer) - len(_END) + 1)
        if len(self._buffer) <= BLOCK:
            return None
        return self._middle()

    def _find_end(self) -> int:
        # In most messages the first line with a dot in front is the end mark, and one search tells both that it is
        # there and that nothing is stuffed.
        if not self._is_stuffed:
            dot = self._buffer.find(_STUFFED, self._searched)
            if dot < 0 or self._buffer.startswith(_END, dot):
                return dot
            if len(self._buffer) - dot < len(_END):
                return -1  # it cannot be told yet
            self._is_stuffed = True
        return self._buffer.find(_END, self._searched)

    def _end(self, end: int) -> End:
        is_doubtful = end > 0 and self._buffer[end - 1] == 13
        octets = self._taken(bytes(self._buffer[: end + 2]))
        del self._buffer[: end + len(_END)]
        self.is_in_message = False
        return End(octets, self._verdict, is_doubtful)

    def _middle(self) -> Chunk | None:
        cut = self._buffer.rfind(_CRLF)
        if cut <= 0:
            # A block without a line end. No mail is so: all that matters now is where it ends.
            self._verdict = self._verdict or Verdict.LONG_LINE
            cut = len(self._buffer) - len(_END)
        octets = self._taken(bytes(self._buffer[: cut + 2]))
        del self._buffer[:cut]
        self._searched = max(0, len(self._buffer) - len(_END) + 1)
        return Chunk(octets)

    def _taken(self, block: bytes) -> bytes:
        # `block` begins with the CRLF of the line before and ends with one.
        if self._verdict:
            return b""
        rest = block.replace(_CRLF, b"")
        if b"\n" in rest or b"\r" in rest or b"\0" in rest:
            self._verdict = Verdict.BARE
            return b""
        if self._is_stuffed:
            # A client doubles every first dot. What has only one was not meant as text by whoever wrote it.
            if block.count(_STUFFED) != block.count(_STUFFED + b"."):
                self._verdict = Verdict.UNSTUFFED
                return b""
            block = block.replace(_STUFFED, _CRLF)
        octets = block[2:]
        self._room -= len(octets)
        if self._room < 0:
            self._verdict = Verdict.TOO_LARGE
        elif _has_long_line(octets):
            self._verdict = Verdict.LONG_LINE
        return b"" if self._verdict else octets


def examine(octets: bytes) -> Verdict | None:
    """Return what is wrong with a whole message that came unframed, over HTTP; the same rules as in a framed one."""
    rest = octets.replace(_CRLF, b"")
    if b"\n" in rest or b"\r" in rest or b"\0" in rest:
        return Verdict.BARE
    return Verdict.LONG_LINE if _has_long_line(octets) else None


def _has_long_line(octets: bytes) -> bool:
    # From each line start go to the last line end within reach: as many steps as there are thousands of octets.
    start, size = 0, len(octets)
    while size - start > MAX_TEXT_LINE:
        end = octets.rfind(b"\n", start, start + MAX_TEXT_LINE)
        if end < 0:
            return True
        start = end + 1
    return False
