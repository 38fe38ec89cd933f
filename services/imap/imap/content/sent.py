"""When a message says it was written (RFC 5322 §3.3, §4.3), read leniently and within bounds."""

import re
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple

MAX_VALUE = 200  # octets that are read
MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")

_EPOCH = date(1970, 1, 1).toordinal()
_FORM = re.compile(
    r"\s*(?:[a-z]+\s*,?\s*)?(\d{1,2})[\s-]+([a-z]{3})[a-z]*[\s-]+(\d{2,4})"
    r"(?:\s+(\d{1,2})\s*:\s*(\d{1,2})(?:\s*:\s*(\d{1,2}))?)?\s*([+-]\d{4}|[a-z]{1,5})?",
    re.IGNORECASE | re.ASCII,
)
_COMMENT = re.compile(r"\([^()]*\)")
# §4.3: what these say is known; any other letters say nothing.
_ZONES = {"EST": -300, "EDT": -240, "CST": -360, "CDT": -300, "MST": -420, "MDT": -360, "PST": -480, "PDT": -420}


class Sent(NamedTuple):
    """The day as written (days since 1970), and the moment (seconds since 1970 UTC)."""

    day: int
    moment: int


def sent(value: bytes) -> Sent | None:
    """Return what a Date field says, None if that cannot be read."""
    match = _FORM.match(_COMMENT.sub(" ", value[:MAX_VALUE].decode("latin-1")))
    if match is None or match[2].lower() not in MONTHS:
        return None
    hour, minute, second = (int(match[group] or 0) for group in (4, 5, 6))
    try:
        # A leap second is the last of its minute.
        at = datetime(
            _year(match[3]),
            MONTHS.index(match[2].lower()) + 1,
            int(match[1]),
            hour,
            minute,
            min(second, 59),
            tzinfo=UTC,
        )
        moment = at - timedelta(minutes=_offset(match[7] or ""))
    except (ValueError, OverflowError):
        return None
    return Sent(at.toordinal() - _EPOCH, int(moment.timestamp()))


def _year(digits: str) -> int:
    year = int(digits)
    if len(digits) == 4:
        return year
    return year + (2000 if len(digits) == 2 and year < 50 else 1900)


def _offset(zone: str) -> int:
    """Return minutes east of Greenwich."""
    if zone[:1] in ("+", "-"):
        minutes = int(zone[1:3]) * 60 + int(zone[3:5])
        return -minutes if zone[0] == "-" else minutes
    return _ZONES.get(zone.upper(), 0)
