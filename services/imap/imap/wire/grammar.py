"""Reads the tokens of RFC 3501 §9 out of one framed command.

Strategy: a cursor over octets. Each method takes one token or raises a BAD fault; nothing is looked at twice,
nothing recurses here, and what nests (FETCH items, SEARCH keys) is given its depth by its reader.
"""

import re
from collections.abc import Callable
from typing import TypeVar

from imap.wire.answer import bad
from imap.wire.sequence_set import SequenceSet

Item = TypeVar("Item")

# atom-specials are "(" ")" "{" SP CTL list-wildcards quoted-specials resp-specials; 8-bit octets are no CHAR.
_ATOM = re.compile(rb'[^\x00-\x20\x7f-\xff(){%*"\\\]]+')
_ASTRING = re.compile(rb'[^\x00-\x20\x7f-\xff(){%*"\\]+')
_LIST_PATTERN = re.compile(rb'[^\x00-\x20\x7f-\xff(){"\\]+')
_TAG = re.compile(rb'[^\x00-\x20\x7f-\xff(){%*"\\+]{1,64}')
_NUMBER = re.compile(rb"[0-9]{1,10}")
_SET = re.compile(rb"[0-9*:,]+|\$")
# Octets of UTF-8 are let through in quoted strings: clients put passwords there as they were typed.
_QUOTED = re.compile(rb'"((?:[^"\\\r\n\x00]|\\["\\])*)"')
_LITERAL = re.compile(rb"\{([0-9]{1,10})\+?\}\r\n")

MAX_NUMBER = 0xFFFFFFFF


class Scanner:
    """A cursor over one command; with `is_utf8`, what is quoted must be UTF-8 (RFC 6855 §3)."""

    __slots__ = ("_at", "_data", "_is_utf8")

    def __init__(self, data: bytes, *, is_utf8: bool = False) -> None:
        self._data = data
        self._at = 0
        self._is_utf8 = is_utf8

    def peek(self) -> bytes:
        """Return the next octet without taking it; empty at the end."""
        return self._data[self._at : self._at + 1]

    def takes(self, text: bytes) -> bool:
        """Take `text` if it comes next (octets as they are), and say whether it did."""
        if not self._data.startswith(text, self._at):
            return False
        self._at += len(text)
        return True

    def takes_before_digit(self, text: bytes) -> bool:
        """Take `text` if it comes next and a digit after it, and say whether that was so."""
        if not self._data[self._at + len(text) : self._at + len(text) + 1].isdigit():
            return False
        return self.takes(text)

    def takes_match(self, pattern: re.Pattern[bytes]) -> re.Match[bytes] | None:
        """Take what a pattern matches here, and return the match; None takes nothing."""
        match = pattern.match(self._data, self._at)
        if match is not None:
            self._at = match.end()
        return match

    def takes_word(self, word: bytes) -> bool:
        """Take `word` (given in upper case) if it comes next in any case, and say whether it did."""
        if self._data[self._at : self._at + len(word)].upper() != word:
            return False
        self._at += len(word)
        return True

    def expect(self, text: bytes) -> None:
        """Take `text`, or fail."""
        if not self.takes(text):
            raise bad("Syntax error")

    def space(self) -> None:
        """Take one space."""
        self.expect(b" ")

    def end(self) -> None:
        """Require the command to end here."""
        self.expect(b"\r\n")
        if self._at != len(self._data):
            raise bad("Syntax error")

    def at_end(self) -> bool:
        """Say whether nothing but the line end is left."""
        return self._data.startswith(b"\r\n", self._at)

    def tag(self) -> bytes:
        """Take a tag: an atom without `+`, of a length worth repeating."""
        return self._match(_TAG, "Invalid tag")[0]

    def atom(self) -> bytes:
        """Take an atom."""
        return self._match(_ATOM, "Syntax error")[0]

    def keyword(self) -> bytes:
        """Take an atom in which case does not matter; return it in upper case."""
        return self.atom().upper()

    def number(self) -> int:
        """Take a number of 32 bits."""
        value = int(self._match(_NUMBER, "Number expected")[0])
        if value > MAX_NUMBER:
            raise bad("Number too large")
        return value

    def number64(self) -> int:
        """Take a number of up to 63 bits (RFC 9051 §9, number64)."""
        value = int(self._match(_NUMBER, "Number expected")[0])
        while match := _NUMBER.match(self._data, self._at):
            self._at = match.end()
            value = value * 10 ** len(match[0]) + int(match[0])
            if value >= 1 << 63:
                raise bad("Number too large")
        return value

    def sequence_set(self) -> SequenceSet:
        """Take a set of message numbers or UIDs, or `$` (RFC 5182)."""
        return SequenceSet.parse(self._match(_SET, "Sequence set expected")[0])

    def string(self) -> bytes:
        """Take a quoted string or a literal."""
        if self.peek() == b"{":
            return self._literal()
        quoted = self._match(_QUOTED, "String expected")[1]
        if self._is_utf8 and not _is_utf8(quoted):
            raise bad("Not UTF-8")
        return quoted.replace(b'\\"', b'"').replace(b"\\\\", b"\\") if b"\\" in quoted else quoted

    def astring(self) -> bytes:
        """Take an atom, in which `]` is allowed, or a string."""
        if self.peek() in (b'"', b"{"):
            return self.string()
        return self._match(_ASTRING, "String expected")[0]

    def nstring(self) -> bytes | None:
        """Take a string or NIL."""
        if self.peek() in (b'"', b"{"):
            return self.string()
        if self.keyword() != b"NIL":
            raise bad("String or NIL expected")
        return None

    def list_pattern(self) -> bytes:
        """Take a mailbox name that may hold wildcards."""
        if self.peek() in (b'"', b"{"):
            return self.string()
        return self._match(_LIST_PATTERN, "Mailbox pattern expected")[0]

    def several(self, item: Callable[["Scanner"], Item], most: int, complaint: str) -> list[Item]:
        """Take what `item` takes, once or more, in parentheses with a space between; complain of more than `most`."""
        self.expect(b"(")
        items = [item(self)]
        while not self.takes(b")"):
            self.space()
            items.append(item(self))
            if len(items) > most:
                raise bad(complaint)
        return items

    def rest(self) -> bytes:
        """Take what is left, with the final CRLF."""
        rest, self._at = self._data[self._at :], len(self._data)
        return rest

    def _literal(self) -> bytes:
        start = self._match(_LITERAL, "Literal expected")
        end = start.end() + int(start[1])
        text = self._data[start.end() : end]
        # The framer has seen to it that all of the literal is there, unless it was announced where none may be.
        if len(text) != int(start[1]) or b"\x00" in text:
            raise bad("Literal expected")
        self._at = end
        return text

    def _match(self, pattern: re.Pattern[bytes], complaint: str) -> re.Match[bytes]:
        match = pattern.match(self._data, self._at)
        if match is None:
            raise bad(complaint)
        self._at = match.end()
        return match


def _is_utf8(octets: bytes) -> bool:
    try:
        octets.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True
