"""Cuts what a client sends into commands, before anything is understood.

Strategy: frame first, parse second. A command is a line, or lines joined by literals; the framer knows line
ends, literal announcements and limits, and nothing else. So the octets of a literal can never be taken for a
command, and a command that is too big is refused before its first octet is kept. Nothing here waits: "need
more" is None.

A line ended by a bare LF is framed like any other, and the grammar refuses it: were it not framed, a literal
announced on it would run as commands.

A message is the one thing that may be larger: where an APPEND announces one, its head comes out by itself, then the
message piece by piece, then the line behind it, which ends the command or announces the next message (RFC 3502).
"""

import re
from dataclasses import dataclass
from enum import Enum

BEFORE_LOGIN = 8 * 1024  # octets of one command, literals included
AFTER_LOGIN = 64 * 1024
NON_SYNC = 4096  # RFC 7888 §5: LITERAL- allows no more without asking

# APPEND's first argument, the mailbox, may be a literal, too.
_BEFORE_MESSAGE = re.compile(rb"[^ ]{1,64} append [^{~]", re.IGNORECASE)
_MAILBOX_LITERAL = re.compile(rb"[^ ]{1,64} append \{[0-9]+\+?\}\r?\n", re.IGNORECASE)

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


@dataclass(frozen=True, slots=True)
class Announced:
    """An APPEND up to where a message of `size` octets begins, or what follows its last one up to there."""

    head: bytes
    size: int
    is_sync: bool  # the client waits to be asked for it
    is_first: bool  # the command begins with this head


@dataclass(frozen=True, slots=True)
class Octets:
    """The next octets of a message."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Rest:
    """The line that ends an APPEND."""

    line: bytes


Framed = bytes | Signal | TooBig | Announced | Octets | Rest


class Framer:
    """Holds what has arrived and is not a whole command yet; `limit` in octets may be changed between commands.

    `takes_messages`: APPEND is known here; else its messages are literals like others.
    """

    __slots__ = ("_buffer", "_is_in_message", "_message_left", "_scanned", "_text_from", "limit", "takes_messages")

    def __init__(self, limit: int = BEFORE_LOGIN) -> None:
        self.limit = limit
        self._buffer = bytearray()
        self._text_from = 0  # where the present line begins: after the command's literals
        self._scanned = 0
        self.takes_messages = False
        self._is_in_message = False  # an APPEND's message has been announced, and its last line has not come
        self._message_left = 0  # octets of the message still to come

    def __len__(self) -> int:
        return len(self._buffer)

    def feed(self, data: bytes) -> None:
        """Take octets as they arrive."""
        self._buffer += data

    def clear(self) -> bytes:
        """Forget all that has arrived (RFC 3501 §6.2.1: nothing sent before TLS counts after it), and return it."""
        return self._take(len(self._buffer))

    def next(self) -> Framed | None:
        """Return the next command with its final CRLF or whatever else there is, or None if more octets are needed."""
        if self._message_left and self._buffer:
            data = self._take(min(self._message_left, len(self._buffer)))
            self._message_left -= len(data)
            return Octets(data)
        while end := self._buffer.find(b"\n", self._scanned) + 1:
            literal = self._announced(end)
            if literal is None:
                return self._whole(end)
            size, is_sync = literal
            if self._is_message(end):
                return self._announce(end, size, is_sync=is_sync)
            if end + size > self.limit or (size > NON_SYNC and not is_sync):
                return TooBig(self._take(end), end > self.limit or not is_sync)
            self._text_from = self._scanned = end + size
            if is_sync:
                return Signal.CONTINUE
        self._scanned = max(self._text_from, len(self._buffer))
        return TooBig(self._take(self.limit), True) if len(self._buffer) > self.limit else None

    def abandon(self) -> None:
        """Take it that the announced message does not come: the client was told so instead of being asked for it."""
        self._is_in_message = False
        self._message_left = 0

    def _whole(self, end: int) -> Framed:
        if end > self.limit:
            return TooBig(self._take(end), True)
        if self._is_in_message:
            self._is_in_message = False
            return Rest(self._take(end))
        return self._take(end)

    def _is_message(self, end: int) -> bool:
        """Say whether the literal announced on the line ending at `end` is an APPEND's message."""
        if self._is_in_message or not self.takes_messages:
            return self._is_in_message
        head = self._buffer
        named = _MAILBOX_LITERAL.match(head)
        return named.end() < end if named else _BEFORE_MESSAGE.match(head) is not None

    def _announce(self, end: int, size: int, *, is_sync: bool) -> Framed:
        if end > self.limit or (size > NON_SYNC and not is_sync):
            return TooBig(self._take(end), True)
        is_first, self._is_in_message = not self._is_in_message, True
        self._message_left = size
        return Announced(self._take(end), size, is_sync, is_first)

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
