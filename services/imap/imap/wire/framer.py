"""Cuts what a client sends into commands, before anything is understood.

Strategy: frame first, parse second. A command is a line, or lines joined by literals; the framer knows line
ends, literal announcements and limits, and nothing else. So the octets of a literal can never be taken for a
command, and a command that is too big is refused before its first octet is kept. Nothing here waits: "need
more" is None.

A line ended by a bare LF is framed like any other, and the grammar refuses it: were it not framed, a literal
announced on it would run as commands.
"""

from dataclasses import dataclass
from enum import Enum

BEFORE_LOGIN = 8 * 1024  # octets of one command, literals included
AFTER_LOGIN = 64 * 1024
NON_SYNC = 4096  # RFC 7888 §5: LITERAL- allows no more without asking

_CLOSE = ord("}")
_MAX_DIGITS = 10
_ENDLESS = 1 << 62


class Signal(Enum):
    """What the framer wants said."""

    CONTINUE = "the client waits for a continuation before it sends its literal"


@dataclass(frozen=True, slots=True)
class TooBig:
    """A command over the limit: `head` is its beginning. If fatal, what follows cannot be told from commands."""

    head: bytes
    is_fatal: bool


Framed = bytes | Signal | TooBig


class Framer:
    """Holds what has arrived and is not a whole command yet; `limit` in octets may be changed between commands."""

    __slots__ = ("_buffer", "_scanned", "_text_from", "limit")

    def __init__(self, limit: int = BEFORE_LOGIN) -> None:
        self.limit = limit
        self._buffer = bytearray()
        self._text_from = 0  # where the present line begins: after the command's literals
        self._scanned = 0

    def __len__(self) -> int:
        return len(self._buffer)

    def feed(self, data: bytes) -> None:
        """Take octets as they arrive."""
        self._buffer += data

    def clear(self) -> None:
        """Forget all that has arrived (RFC 3501 §6.2.1: nothing sent before TLS counts after it)."""
        self._take(len(self._buffer))

    def next(self) -> Framed | None:
        """Return the next command with its final CRLF, a Signal, TooBig, or None if more octets are needed."""
        while end := self._buffer.find(b"\n", self._scanned) + 1:
            literal = self._announced(end)
            if literal is None:
                return TooBig(self._take(end), True) if end > self.limit else self._take(end)
            size, is_sync = literal
            if end + size > self.limit or (size > NON_SYNC and not is_sync):
                return TooBig(self._take(end), end > self.limit or not is_sync)
            self._text_from = self._scanned = end + size
            if is_sync:
                return Signal.CONTINUE
        self._scanned = max(self._text_from, len(self._buffer))
        return TooBig(self._take(self.limit), True) if len(self._buffer) > self.limit else None

    def _announced(self, end: int) -> tuple[int, bool] | None:
        """Return the octets of the literal announced on the line ending at `end`, and whether it asks first."""
        line = self._buffer
        close = end - 3 if line[end - 2 : end - 1] == b"\r" else end - 2
        if close < self._text_from or line[close] != _CLOSE:
            return None
        digits = bytes(line[line.rfind(b"{", self._text_from, close) + 1 : close])
        is_sync = not digits.endswith(b"+")
        digits = digits if is_sync else digits[:-1]
        if not digits.isdigit():
            return None
        return (int(digits) if len(digits) <= _MAX_DIGITS else _ENDLESS), is_sync

    def _take(self, end: int) -> bytes:
        taken = bytes(self._buffer[:end])
        del self._buffer[:end]
        self._text_from = self._scanned = 0
        return taken
