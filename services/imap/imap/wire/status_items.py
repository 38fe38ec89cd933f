"""What STATUS may be asked for.

RFC 3501 §6.3.10; RFC 8438, RFC 9051 §6.3.11, RFC 9208 §4.1.4, RFC 8474, RFC 7889, RFC 7162 §3.1.7.
"""

from collections.abc import Sequence

from imap.wire.answer import bad
from imap.wire.grammar import Scanner

ITEMS = frozenset({
    *(b"MESSAGES", b"RECENT", b"UIDNEXT", b"UIDVALIDITY", b"UNSEEN"),
    *(b"SIZE", b"DELETED", b"DELETED-STORAGE", b"MAILBOXID", b"APPENDLIMIT", b"HIGHESTMODSEQ"),
})  # fmt: skip


def read(scanner: Scanner) -> Sequence[bytes]:
    """Take the items with their parentheses, each once."""
    scanner.expect(b"(")
    asked = {scanner.keyword(): None}
    while not scanner.takes(b")"):
        scanner.space()
        asked[scanner.keyword()] = None
    if not asked.keys() <= ITEMS:
        raise bad("Unknown STATUS item")
    return list(asked)
