import pytest
from imap.wire import sort_keys
from imap.wire.answer import Fault
from imap.wire.grammar import Scanner
from imap.wire.search_key import Candidate


def candidate(number: int, header: str, *, size: int = 0, arrived: int = 0) -> Candidate:
    return Candidate(number, number, 0, size, arrived, header.replace("\n", "\r\n").encode())


MESSAGES = [
    candidate(1, "From: Zoe <b@x.test>\nSubject: Re: Beta\nDate: 2 Jan 2020 00:00:00 +0000\n\n", size=5, arrived=30),
    candidate(2, "From: (x) A@y.test\nSubject: [l] alpha\nDate: 3 Jan 2020 00:00:00 +0000\n\n", size=5, arrived=20),
    candidate(3, "To: c@x.test\nSubject: =?utf-8?q?=C3=A4?=\nCc: d@x.test\n\n", size=9, arrived=10),
]

ORDERS = [
    (b"(ARRIVAL)", [3, 2, 1]),
    (b"(REVERSE ARRIVAL)", [1, 2, 3]),
    (b"(SIZE)", [1, 2, 3]),
    (b"(REVERSE SIZE)", [3, 1, 2]),
    (b"(SIZE ARRIVAL)", [2, 1, 3]),
    (b"(DATE)", [3, 1, 2]),  # without a Date the arrival counts
    (b"(from)", [3, 2, 1]),
    (b"(REVERSE TO SUBJECT)", [3, 2, 1]),
    (b"(SUBJECT)", [2, 3, 1]),  # an a with two dots is an a first of all
    (b"(CC)", [1, 2, 3]),
]


@pytest.mark.parametrize(("text", "order"), ORDERS)
def test_orders(text: bytes, order: list[int]) -> None:
    criteria = sort_keys.read(Scanner(text))
    rows = [(message.number, [criterion.rank(message) for criterion in criteria]) for message in MESSAGES]
    assert sort_keys.order(rows, criteria) == order


COLLATED = [
    ("abc", "ABC"),
    ("a_b", "A_B"),
    ("Ä", "A\u0308"),
    ("ä", "A\u0308"),
    ("ß", "ß"),  # its title case is two letters
    ("ﬁ", "fi"),
    ("Ǆ", "Dz\u030c"),
]


@pytest.mark.parametrize(("text", "expected"), COLLATED)
def test_collates(text: str, expected: str) -> None:
    assert sort_keys.collated(text) == expected


@pytest.mark.parametrize(
    "text", [b"()", b"DATE", b"(BOGUS)", b"(REVERSE)", b"(REVERSE REVERSE DATE)", b"(" + b"DATE " * 30 + b"DATE)"]
)
def test_refuses(text: bytes) -> None:
    with pytest.raises(Fault):
        sort_keys.read(Scanner(text))
