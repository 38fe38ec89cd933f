"""Reads a remote's SMTP replies (RFC 5321 §4.2), however many, long or senseless they are.

A reply has at most MAX_LINES lines of at most MAX_LINE octets; whatever else comes is Garbage, and the connection is of
no use after it. A bare LF ends a line too: nothing of ours depends on where a stranger's line ends.
"""

import re
from dataclasses import dataclass

from queue_worker.transport.values import MAX_TEXT, Outcome, Result, printable, refused, try_later

MAX_LINE, MAX_LINES = 2048, 100

_LINE = re.compile(rb"([2-5][0-5][0-9])(?:([ -])(.*))?", re.DOTALL)
_ENHANCED = re.compile(r"([245])\.(\d{1,3})\.(\d{1,3})(?: |$)")  # RFC 3463 §2


class Garbage(Exception):
    """What came is no SMTP reply, or one without an end."""


@dataclass(frozen=True, slots=True)
class Reply:
    """One reply: the code, and the text of its lines as it came."""

    code: int
    lines: tuple[bytes, ...]

    @property
    def is_ok(self) -> bool:
        return self.code < 300

    @property
    def is_permanent(self) -> bool:
        return self.code >= 500

    def result(self, host: str) -> Result:
        """Say what this answer to MAIL, RCPT, DATA or the final dot means for a recipient."""
        enhanced, text = self._words()
        if self.is_ok:
            return Result(Outcome.DELIVERED, self.code, enhanced, text, host)
        if self.is_permanent:
            return refused(self.code, enhanced, text).at(host)
        return try_later(enhanced, text, code=self.code, is_of_destination=self.code == 421).at(host)

    def said(self) -> str:
        """The whole reply in one printable line, to be quoted in a result of ours."""
        return printable(" ".join([str(self.code), *(line.decode("latin-1") for line in self.lines)]))

    def _words(self) -> tuple[str, str]:
        enhanced, words, size = "", [], 0
        for line in self.lines:
            text = line.decode("latin-1")
            match = _ENHANCED.match(text)
            if match and match[1] == str(self.code // 100):
                enhanced = enhanced or match[0].rstrip()
                text = text[match.end() :]
            words.append(text)
            size += len(text) + 1
            if size > MAX_TEXT:
                break
        return enhanced or f"{self.code // 100}.0.0", printable(" ".join(words).strip())


class Reader:
    """Takes replies off a buffer as they become whole."""

    __slots__ = ("_code", "_lines")

    def __init__(self) -> None:
        self._code = b""
        self._lines: list[bytes] = []

    def take(self, buffer: bytearray) -> Reply | None:
        """Take one reply off the buffer, None if more octets are needed; raise Garbage."""
        while (end := buffer.find(b"\n", 0, MAX_LINE)) >= 0:
            line = bytes(buffer[:end]).removesuffix(b"\r")
            del buffer[: end + 1]
            if self._is_last(line):
                reply = Reply(int(self._code), tuple(self._lines))
                self._code, self._lines = b"", []
                return reply
        if len(buffer) >= MAX_LINE:
            raise Garbage("a line too long")
        return None

    def _is_last(self, line: bytes) -> bool:
        match = _LINE.fullmatch(line)
        if not match or (self._code and match[1] != self._code):
            raise Garbage("not a reply")
        self._code = match[1]
        self._lines.append(match[3] or b"")
        if len(self._lines) > MAX_LINES:
            raise Garbage("a reply too long")
        return match[2] != b"-"


def extensions(reply: Reply) -> dict[str, str]:
    """Read what a server offers in its answer to EHLO: keyword, in capitals, to parameters (RFC 5321 §4.1.1.1)."""
    offered = {}
    for line in reply.lines[1:]:
        keyword, _, parameters = line.decode("latin-1").strip().partition(" ")
        offered[keyword.upper()] = parameters.strip()
    return offered
