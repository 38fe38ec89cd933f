"""Reads what an IMAP server says (RFC 3501 §9), strictly: what the grammar does not allow is an error.

Strategy: a response is a line in which literals stand; it becomes words, strings, numbers, NIL and lists in one pass.
What it means is for others to say.
"""

import re
from dataclasses import dataclass

CONDITIONS = frozenset({"OK", "NO", "BAD", "BYE", "PREAUTH"})

_LITERAL = re.compile(rb"~?\{(\d+)\}\r\n")
_QUOTED = re.compile(rb'"((?:[\x01-\x09\x0b\x0c\x0e-\x21\x23-\x5b\x5d-\x7e]|\\["\\])*)"')
_WORD = re.compile(rb"[^\x00-\x20\x7f\"(){\[]+(?:\[(?:[^\]\"]|\"[^\"]*\")*\](?:<\d+>)?)?")
_NUMBER = re.compile(rb"\d+")
_CODE = re.compile(rb"\[([^\] ]+)(?: ([^\r\n]*?))?\] ?")  # RFC 3501 §7.1: text never begins with `[`


class Word(str):
    """An atom, a flag or the name of an item; strings are bytes."""


Value = Word | bytes | int | tuple["Value", ...] | None


@dataclass(frozen=True)
class Response:
    """One response: `* 3 FETCH (…)` has the number 3, `* OK [UIDNEXT 4] text` the code."""

    tag: str
    word: str
    number: int | None = None
    code: tuple[Value, ...] = ()
    values: tuple[Value, ...] = ()


def read(octets: bytes) -> Response:
    """Read one response, the CRLF at its end included."""
    tag, _, rest = octets.partition(b" ")
    assert octets.endswith(b"\r\n"), octets
    if tag == b"+":
        return Response("+", "")
    reader = _Reader(rest.removesuffix(b"\r\n"))
    word = reader.value()
    number = None
    if isinstance(word, int):
        number = word
        reader.space()
        word = reader.value()
    assert isinstance(word, Word), octets
    name = word.upper()
    if name in CONDITIONS:
        reader.space()
        return Response(tag.decode("ascii"), name, number, reader.code())
    return Response(tag.decode("ascii"), name, number, (), reader.rest())


class _Reader:
    def __init__(self, octets: bytes) -> None:
        self._octets, self._at = octets, 0

    def space(self) -> None:
        assert self._octets[self._at : self._at + 1] == b" ", self._octets[self._at :]
        self._at += 1

    def rest(self) -> tuple[Value, ...]:
        """Read the values up to the end."""
        found: list[Value] = []
        while self._at < len(self._octets):
            # Threads follow each other without a space (RFC 5256 §5).
            if not (found and isinstance(found[-1], tuple) and self._peek() == b"("):
                self.space()
            if self._at < len(self._octets):  # Dovecot ends an empty SEARCH with a space, or not
                found.append(self.value())
        return tuple(found)

    def code(self) -> tuple[Value, ...]:
        """Read a response code, if there is one; the text behind it is for people."""
        match = _CODE.match(self._octets, self._at)
        if match is None:
            return ()
        inside = _Reader(b" " + match[2]).rest() if match[2] else ()
        return (Word(match[1].decode("ascii").upper()), *inside)

    def value(self) -> Value:
        """Read a list, a string, NIL, a number or a word."""
        if self._peek() == b"(":
            return self._list()
        if match := _LITERAL.match(self._octets, self._at):
            start = match.end()
            self._at = start + int(match[1])
            assert self._at <= len(self._octets), "cut off"
            return self._octets[start : self._at]
        if self._peek() == b'"':
            match = _QUOTED.match(self._octets, self._at)
            assert match, self._octets[self._at :]
            self._at = match.end()
            return re.sub(rb"\\(.)", rb"\1", match[1])
        match = _WORD.match(self._octets, self._at)
        assert match, self._octets[self._at :]
        self._at = match.end()
        if _NUMBER.fullmatch(match[0]):
            return int(match[0])
        return None if match[0].upper() == b"NIL" else Word(match[0].decode("ascii"))

    def _list(self) -> tuple[Value, ...]:
        found: list[Value] = []
        self._at += 1
        while self._peek() != b")":
            # Parts of a body, and addresses, follow each other without a space.
            if found and not (isinstance(found[-1], tuple) and self._peek() == b"("):
                self.space()
            found.append(self.value())
        self._at += 1
        return tuple(found)

    def _peek(self) -> bytes:
        return self._octets[self._at : self._at + 1]
