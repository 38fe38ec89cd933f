from datetime import UTC, datetime

import pytest
from imap.content.sent import sent

DATES = [
    ("Sat, 24 Mar 2007 23:30:05 +0200", "2007-03-24", "2007-03-24T21:30:05"),
    ("24 Mar 2007 23:30:05 -0100", "2007-03-24", "2007-03-25T00:30:05"),
    ("Sat,24 Mar 07 23:30 EST", "2007-03-24", "2007-03-25T04:30:00"),
    ("1 January 99 00:00:60 GMT (a comment)", "1999-01-01", "1999-01-01T00:00:59"),
    ("1 Jan 103 00:00:00 Z", "2003-01-01", "2003-01-01T00:00:00"),
    (" Fri, 5 (day) Jun 2020\t12:00:00 +0530", "2020-06-05", "2020-06-05T06:30:00"),
    ("14-Nov-2023 22:00:00", "2023-11-14", "2023-11-14T22:00:00"),
    ("14 Nov 2023", "2023-11-14", "2023-11-14T00:00:00"),
]


@pytest.mark.parametrize(("value", "day", "moment"), DATES, ids=[value for value, _, _ in DATES])
def test_reads(value: str, day: str, moment: str) -> None:
    said = sent(value.encode())
    assert said is not None
    assert datetime.fromtimestamp(said.day * 86400, UTC).date().isoformat() == day
    assert datetime.fromtimestamp(said.moment, UTC).replace(tzinfo=None).isoformat() == moment


@pytest.mark.parametrize(
    "value",
    [
        "", "yesterday", "31 Feb 2007 00:00:00 +0000", "1 Foo 2007", "99 Jan 2007", "1 Jan 2007 25:00:00 +0000",
        "\xff", "1 Jan 0000 00:00:00", "1 Jan 0001 00:00:00 +2300", "31 Dec 9999 23:00:00 -2300", "(" * 10_000,
        " " * 10_000, "9" * 10_000,
    ],
)  # fmt: skip
def test_is_not_sure(value: str) -> None:
    assert sent(value.encode("latin-1")) is None
