"""Writes values the way RFC 3501 §9 spells them, safe whatever they hold."""

import re
from datetime import UTC, datetime

from imap.store import Flag
from imap.wire import utf7

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
FLAG_NAMES = {
    rb"\Answered": Flag.ANSWERED,
    rb"\Flagged": Flag.FLAGGED,
    rb"\Deleted": Flag.DELETED,
    rb"\Seen": Flag.SEEN,
    rb"\Draft": Flag.DRAFT,
}

_QUOTABLE = re.compile(rb"[\x20-\x7e]*")
_MAX_QUOTED = 1024
_FLAG_LISTS = [b"(" + b" ".join(name for name, bit in FLAG_NAMES.items() if mask & bit) + b")" for mask in range(32)]


def literal(data: bytes) -> bytes:
    """Return octets as a literal."""
    return b"{%d}\r\n%b" % (len(data), data)


def string(data: bytes) -> bytes:
    """Return octets as a quoted string where they may be one, else as a literal."""
    if len(data) > _MAX_QUOTED or not _QUOTABLE.fullmatch(data):
        return literal(data)
    return b'"' + data.replace(b"\\", b"\\\\").replace(b'"', b'\\"') + b'"'


def nstring(data: bytes | None) -> bytes:
    """Return octets as a string, None as NIL."""
    return b"NIL" if data is None else string(data)


def mailbox(name: str) -> bytes:
    """Return a mailbox name, always quoted."""
    return string(utf7.encode(name))


def flags(mask: int) -> bytes:
    """Return a parenthesised flag list."""
    return _FLAG_LISTS[mask]


def internal_date(seconds: int) -> bytes:
    """Return an arrival (seconds since 1970 UTC) as a quoted date-time."""
    at = datetime.fromtimestamp(seconds, UTC)
    return f'"{at.day:2d}-{MONTHS[at.month - 1]}-{at.year:04d} {at:%H:%M:%S} +0000"'.encode("ascii")
