"""What APPEND says of a message before it (RFC 3501 §6.3.11)."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone

from imap.wire import flag_list
from imap.wire.answer import bad
from imap.wire.encode import MONTHS
from imap.wire.flag_list import Flags
from imap.wire.grammar import Scanner

_DATE = re.compile(
    rb'"([ 0-9][0-9])-([A-Za-z]{3})-([0-9]{4}) ([0-9]{2}):([0-9]{2}):([0-9]{2}) ([+-])([0-9]{2})([0-9]{2})"'
)
# RFC 3516 §4.4: literal8, for octets that no other literal may hold; RFC 6855 §4: for a header in UTF-8.
_LITERAL = re.compile(rb"(?:~?|(UTF8 \()~)\{[0-9]+\+?\}\r\n", re.IGNORECASE)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Head:
    """Flags, the INTERNALDATE in seconds since 1970 UTC, if one is given, and what must stand behind the message."""

    flags: Flags
    dated: int | None
    closing: bytes = b""


def read(scanner: Scanner, *, is_utf8: bool = False) -> Head:
    """Take `[ (flags)][ date-time] {size}` to its line end, the message's octets being elsewhere.

    With `is_utf8`, the last may be ` UTF8 (~{size}`, and a parenthesis stands behind the message.
    """
    scanner.space()
    flags = Flags(0, ())
    if scanner.peek() == b"(":
        flags = flag_list.read(scanner, needs_parentheses=True)
        scanner.space()
    dated = None
    if scanner.peek() == b'"':
        dated = _seconds(scanner)
        scanner.space()
    literal = _LITERAL.fullmatch(scanner.rest())
    if literal is None:
        raise bad("Message expected")
    if literal[1] and not is_utf8:
        raise bad("UTF8=ACCEPT is not enabled")
    return Head(flags, dated, b")" if literal[1] else b"")


def _seconds(scanner: Scanner) -> int:
    """Take a date-time (§9) with its quotes."""
    found = scanner.takes_match(_DATE)
    if found is None:
        raise bad("Date expected")
    day, month, year, hour, minute, second, sign, hours, minutes = (part.decode("ascii") for part in found.groups())
    try:
        offset = timedelta(hours=int(hours), minutes=int(minutes)) * (1 if sign == "+" else -1)
        number = MONTHS.index(month.capitalize()) + 1
        at = datetime(
            int(year), number, int(day), int(hour), int(minute), min(int(second), 59), tzinfo=timezone(offset)
        )
        return int((at - _EPOCH).total_seconds())
    except (ValueError, OverflowError):
        raise bad("Invalid date") from None
