"""Flags as a client writes them (RFC 3501 §2.3.2): system flags as bits, keywords by name."""

from typing import NamedTuple

from imap.wire.answer import bad
from imap.wire.encode import FLAG_NAMES
from imap.wire.grammar import Scanner

MAX_FLAGS = 100
MAX_KEYWORD = 100  # octets

_BY_UPPER_NAME = {name.upper(): int(bit) for name, bit in FLAG_NAMES.items()}


class Flags(NamedTuple):
    """The bits of system flags, and keywords as written, each once."""

    mask: int
    keywords: tuple[str, ...]


def read(scanner: Scanner, *, needs_parentheses: bool = False) -> Flags:
    """Take a flag list; without parentheses, where that is allowed, it ends with the command."""
    is_list = scanner.takes(b"(")
    if needs_parentheses and not is_list:
        raise bad("Flag list expected")
    if is_list and scanner.takes(b")"):
        return Flags(0, ())
    mask, keywords = 0, dict[bytes, bytes]()
    for _ in range(MAX_FLAGS):
        mask |= _flag(scanner, keywords)
        if scanner.takes(b")") if is_list else scanner.at_end():
            return Flags(mask, tuple(word.decode("ascii") for word in keywords.values()))
        scanner.space()
    raise bad("Too many flags")


def _flag(scanner: Scanner, keywords: dict[bytes, bytes]) -> int:
    """Take a flag; return its bit, or note the keyword and return 0."""
    if scanner.takes(b"\\"):
        name = b"\\" + scanner.keyword()
        if name not in _BY_UPPER_NAME:
            raise bad("Unknown system flag")
        return _BY_UPPER_NAME[name]
    word = scanner.atom()
    if len(word) > MAX_KEYWORD:
        raise bad("Keyword too long")
    keywords.setdefault(word.lower(), word)
    return 0
