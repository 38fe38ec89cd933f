import time

import pytest
from imap.wire.answer import Fault
from imap.wire.sequence_set import SequenceSet, contains

SETS = [
    pytest.param(b"1", 9, [(1, 1)], id="one"),
    pytest.param(b"1:3", 9, [(1, 3)], id="range"),
    pytest.param(b"3:1", 9, [(1, 3)], id="reversed"),
    pytest.param(b"*", 9, [(9, 9)], id="star"),
    pytest.param(b"*:1", 9, [(1, 9)], id="star-first"),
    pytest.param(b"5:*", 9, [(5, 9)], id="to-star"),
    pytest.param(b"20:*", 9, [(9, 20)], id="beyond-star-holds-the-last"),
    pytest.param(b"4294967295:*", 9, [(9, 4294967295)], id="largest-to-star"),
    pytest.param(b"1,3,2", 9, [(1, 3)], id="joined"),
    pytest.param(b"1:4,2:3,7", 9, [(1, 4), (7, 7)], id="inside"),
    pytest.param(b"1:*,*", 0, [(0, 1)], id="empty-mailbox"),
]
BAD = [b"0", b"", b",", b"1,", b",1", b"1:", b":1", b"1:2:3", b"1::2", b"**", b"4294967296", b"01", b"1:0", b"9" * 30]


@pytest.mark.parametrize(("text", "largest", "ranges"), SETS)
def test_ranges(text: bytes, largest: int, ranges: list[tuple[int, int]]) -> None:
    assert SequenceSet.parse(text).ranges(largest) == ranges


@pytest.mark.parametrize("text", BAD)
def test_refuses(text: bytes) -> None:
    with pytest.raises(Fault):
        SequenceSet.parse(text)


def test_contains() -> None:
    ranges = SequenceSet.parse(b"2:4,8").ranges(9)
    assert [number for number in range(1, 12) if contains(ranges, number)] == [2, 3, 4, 8]


def test_i5_cost_is_in_what_is_written() -> None:
    before = time.process_time()
    assert SequenceSet.parse(b"1:4294967295").ranges(10_000) == [(1, 4294967295)]
    assert SequenceSet.parse(b"1," * 30_000 + b"1").ranges(10_000) == [(1, 1)]
    assert time.process_time() - before < 2  # 50 ms are asked; a set read number by number would take minutes
