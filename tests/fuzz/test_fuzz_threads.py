"""Invariants of SORT and THREAD: what is answered is a permutation of what was found, whatever messages say of
themselves; threads are balanced lists; sorting by a criterion twice changes nothing.
"""

import re

from hypothesis import given, settings
from hypothesis import strategies as st
from imap.content.threads import Threaded, by_references, by_subject, spell
from imap.wire import sort_keys
from imap.wire.grammar import Scanner
from imap.wire.search_key import Candidate

_IDS = st.sampled_from([b"a", b"b", b"c", b"d", b"e", b""])
_SUBJECTS = st.sampled_from(["", "x", "Re: x", "y", "[l] Re: y", "fwd: x (fwd)"])
_ROWS = st.lists(st.tuples(st.integers(0, 3), _SUBJECTS, _IDS, st.lists(_IDS, max_size=4)), max_size=12)
_HEADERS = st.lists(
    st.sampled_from(
        [b"From: b@x", b"From: a@x", b"To: ", b"Subject: Re: x", b"Date: 1 Jan 2020", b"Date: x", b" fold"]
    ),
    max_size=5,
).map(b"\r\n".join)
_CRITERIA = st.lists(
    st.sampled_from(
        [b"ARRIVAL", b"CC", b"DATE", b"FROM", b"SIZE", b"SUBJECT", b"TO", b"REVERSE DATE", b"REVERSE FROM"]
    ),
    min_size=1,
    max_size=4,
).map(lambda words: b"(" + b" ".join(words) + b")")


@settings(max_examples=600, derandomize=True, deadline=None)
@given(_ROWS, st.booleans())
def test_threads(rows: list[tuple[int, str, bytes, list[bytes]]], is_by_subject: bool) -> None:
    messages = [Threaded(number, *row) for number, row in enumerate(rows, 1)]
    told = b"".join(spell((by_subject if is_by_subject else by_references)(messages)))
    assert sorted(int(number) for number in re.findall(rb"\d+", told)) == list(range(1, len(rows) + 1))
    left = told
    while left != (left := re.sub(rb"\((?:\d+(?: \d+)*(?: T{2,})?|T{2,})\)", b"T", left)):
        pass
    assert set(left) <= {ord("T")}


@settings(max_examples=300, derandomize=True, deadline=None)
@given(st.lists(st.tuples(_HEADERS, st.integers(0, 2), st.integers(0, 2)), max_size=8), _CRITERIA)
def test_orders(rows: list[tuple[bytes, int, int]], text: bytes) -> None:
    criteria = sort_keys.read(Scanner(text))
    ranked = []
    for number, (header, size, arrived) in enumerate(rows, 1):
        message = Candidate(number, number, 0, size, arrived, header + b"\r\n\r\n")
        ranked.append((number, [criterion.rank(message) for criterion in criteria]))
    order = sort_keys.order(ranked, criteria)
    assert sorted(order) == list(range(1, len(rows) + 1))
    by_number = dict(ranked)
    assert sort_keys.order([(number, by_number[number]) for number in order], criteria) == order
