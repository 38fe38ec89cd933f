"""Mod-sequences as clients write them (RFC 7162 §7): the number, and what modifies FETCH, STORE and SEARCH."""

import re
from dataclasses import dataclass

from imap.wire.answer import bad
from imap.wire.grammar import Scanner

MAX_MODSEQ = (1 << 63) - 1

_DIGITS = re.compile(rb"[0-9]{1,19}")
_ENTRY = re.compile(rb"/flags/.", re.IGNORECASE)
_ENTRY_TYPES = frozenset({b"PRIV", b"SHARED", b"ALL"})


@dataclass(frozen=True, slots=True)
class Since:
    """CHANGEDSINCE (§3.1.4.1), and whether VANISHED (§3.2.6) stands with it."""

    modseq: int
    has_vanished: bool = False


def number(scanner: Scanner) -> int:
    """Take a mod-sequence of 63 bits, or 0."""
    digits = scanner.takes_match(_DIGITS)
    if digits is None or scanner.peek().isdigit():
        raise bad("Mod-sequence expected")
    value = int(digits[0])
    if value > MAX_MODSEQ:
        raise bad("Number too large")
    return value


def fetch_modifiers(scanner: Scanner, *, is_uid: bool) -> Since | None:
    """Take ` (CHANGEDSINCE n VANISHED)`, in either order, if it comes next; VANISHED goes with UID FETCH only."""
    if not scanner.takes(b" ("):
        return None
    said: dict[bytes, int] = {}
    while True:
        word = scanner.keyword()
        if word not in (b"CHANGEDSINCE", b"VANISHED") or word in said:
            raise bad("Unknown FETCH modifier")
        said[word] = _after_space(scanner) if word == b"CHANGEDSINCE" else 0
        if scanner.takes(b")"):
            break
        scanner.space()
    has_vanished = b"VANISHED" in said
    if b"CHANGEDSINCE" not in said or (has_vanished and not is_uid):
        raise bad("VANISHED goes with UID FETCH and CHANGEDSINCE")
    return Since(said[b"CHANGEDSINCE"], has_vanished)


def store_modifier(scanner: Scanner) -> int | None:
    """Take `(UNCHANGEDSINCE n) ` if a parenthesis comes next (§3.1.3)."""
    if not scanner.takes(b"("):
        return None
    if scanner.keyword() != b"UNCHANGEDSINCE":
        raise bad("Unknown STORE modifier")
    value = _after_space(scanner)
    scanner.expect(b") ")
    return value


def search_argument(scanner: Scanner) -> int:
    """Take what follows `MODSEQ ` in SEARCH; a message has one mod-sequence, so an entry changes nothing (§3.1.5)."""
    if scanner.peek() == b'"':
        if not _ENTRY.match(scanner.string()):
            raise bad("Unknown entry")
        scanner.space()
        if scanner.keyword() not in _ENTRY_TYPES:
            raise bad("Unknown entry type")
        scanner.space()
    return number(scanner)


def _after_space(scanner: Scanner) -> int:
    scanner.space()
    return number(scanner)
