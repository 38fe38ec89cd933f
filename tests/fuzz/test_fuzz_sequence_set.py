"""Invariant of sequence sets: ranges ascend without touching, and hold exactly the numbers that were written."""

import itertools

from hypothesis import given, settings
from hypothesis import strategies as st
from imap.store import Snapshot
from imap.view import View
from imap.wire.answer import Fault
from imap.wire.sequence_set import SequenceSet, contains

_NUMBER = st.one_of(st.integers(1, 30), st.sampled_from([4294967295, 4294967294, 1000]))
_ENDS = st.one_of(_NUMBER.map(str), st.just("*"))
_PART = st.one_of(_ENDS, st.tuples(_ENDS, _ENDS).map(":".join))
_SETS = st.lists(_PART, min_size=1, max_size=12).map(",".join)
_UIDS = st.sets(st.integers(1, 40), max_size=20).map(sorted)


def written(text: str, largest: int) -> set[int]:
    """Return the numbers up to 60 that a set holds, read in the most obvious way."""
    found: set[int] = set()
    for part in text.split(","):
        low, _, high = part.partition(":")
        first, last = sorted(largest if end == "*" else int(end) for end in (low, high or low))
        found |= {number for number in range(61) if first <= number <= last}
    return found


@settings(max_examples=500, derandomize=True, deadline=None)
@given(_SETS, st.integers(0, 50))
def test_ranges(text: str, largest: int) -> None:
    ranges = SequenceSet.parse(text.encode()).ranges(largest)
    assert all(low <= high for low, high in ranges)
    assert all(before[1] + 1 < after[0] for before, after in itertools.pairwise(ranges))
    assert {number for number in range(61) if contains(ranges, number)} == written(text, largest)


@settings(max_examples=500, derandomize=True, deadline=None)
@given(_SETS, _UIDS)
def test_views(text: str, uids: list[int]) -> None:
    view = View(Snapshot(1, 1, 100, 1, uids, [0] * len(uids)))
    assert view.by_uid(SequenceSet.parse(text.encode())) == sorted(set(uids) & written(text, view.last_uid))


@settings(max_examples=500, derandomize=True, deadline=None)
@given(st.text("0123456789:,*", max_size=12))
def test_refused_or_read(text: str) -> None:
    try:
        ranges = SequenceSet.parse(text.encode()).ranges(50)
    except Fault:
        return
    assert {number for number in range(61) if contains(ranges, number)} == written(text, 50)
