"""Writes values the way RFC 3501 §9 spells them, safe whatever they hold."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime

from imap.store import Flag
from imap.wire import utf7
from shared.mail.mailbox import FIRST_KEYWORD

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
FLAG_NAMES = {
    rb"\Answered": Flag.ANSWERED,
    rb"\Flagged": Flag.FLAGGED,
    rb"\Deleted": Flag.DELETED,
    rb"\Seen": Flag.SEEN,
    rb"\Draft": Flag.DRAFT,
}

_QUOTABLE = re.compile(rb"[\x20-\x7e]*")
_NOT_IN_UTF8 = re.compile(rb"[\x00\r\n]")
_MAX_QUOTED = 1024
_FLAG_LISTS = [b"(" + b" ".join(name for name, bit in FLAG_NAMES.items() if mask & bit) + b")" for mask in range(32)]


def literal(data: bytes) -> bytes:
    """Return octets as a literal."""
    return b"{%d}\r\n%b" % (len(data), data)


def string(data: bytes) -> bytes:
    """Return octets as a quoted string where they may be one, else as a literal."""
    if len(data) > _MAX_QUOTED or not _QUOTABLE.fullmatch(data):
        return literal(data)
    return _quoted(data)


def nstring(data: bytes | None) -> bytes:
    """Return octets as a string, None as NIL."""
    return b"NIL" if data is None else string(data)


def mailbox(name: str, *, is_utf8: bool = False) -> bytes:
    """Return a mailbox name, always quoted, in modified UTF-7 or in UTF-8 (RFC 6855 §3)."""
    if not is_utf8:
        return string(utf7.encode(name))
    data = name.encode("utf-8")
    return literal(data) if _NOT_IN_UTF8.search(data) else _quoted(data)


def mailbox_id(number: int) -> bytes:
    """Return what a mailbox is called whatever its name is (RFC 8474 §4)."""
    return b"M%d" % number


def email_id(body_id: int) -> bytes:
    """Return what all copies of a message are called (RFC 8474 §5.1)."""
    return b"E%d" % body_id


def flags(mask: int, keywords: Sequence[str] = ()) -> bytes:
    """Return a parenthesised flag list; `keywords` are the mailbox's, and bits without a name are left out."""
    plain = _FLAG_LISTS[mask & 31]
    if mask < len(_FLAG_LISTS):
        return plain
    words = [word.encode("ascii") for bit, word in enumerate(keywords, FIRST_KEYWORD) if mask >> bit & 1]
    return b"(" + b" ".join([*([plain[1:-1]] if mask & 31 else []), *words]) + b")"


def internal_date(seconds: int) -> bytes:
    """Return an arrival (seconds since 1970 UTC) as a quoted date-time."""
    at = datetime.fromtimestamp(seconds, UTC)
    return f'"{at.day:2d}-{MONTHS[at.month - 1]}-{at.year:04d} {at:%H:%M:%S} +0000"'.encode("ascii")


def _quoted(data: bytes) -> bytes:
    return b'"' + data.replace(b"\\", b"\\\\").replace(b'"', b'\\"') + b'"'
