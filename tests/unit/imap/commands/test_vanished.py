"""What has vanished is told in lines that are short enough, with room for others between them."""

import pytest
from imap.commands import vanished
from imap.commands.vanished import A_LINE

from tests.unit.imap.table import Table

HOLES = [
    pytest.param([(1, 5)], [], [(1, 5)], id="nothing-there"),
    pytest.param([(1, 5)], [1, 2, 3, 4, 5], [], id="all-there"),
    pytest.param([(2, 8)], [1, 2, 5, 9], [(3, 4), (6, 8)], id="some-there"),
    pytest.param([(1, 2), (4, 4), (6, 9)], [4, 8], [(1, 2), (6, 7), (9, 9)], id="ranges"),
    pytest.param([(4294967295, 4294967295)], [7], [(4294967295, 4294967295)], id="largest"),
    pytest.param([], [7], [], id="nothing-asked"),
]


@pytest.mark.parametrize(("ranges", "uids", "holes"), HOLES)
def test_holes(ranges: list[tuple[int, int]], uids: list[int], holes: list[tuple[int, int]]) -> None:
    assert list(vanished.holes(ranges, uids)) == holes


def test_what_vanishes_now_is_told_in_lines() -> None:
    told = list(vanished.lines(range(1, 2 * A_LINE + 2)))
    assert told == [b"* VANISHED 1:1000\r\n", b"* VANISHED 1001:2000\r\n", b"* VANISHED 2001\r\n"]
    assert list(vanished.lines([])) == []


async def test_what_vanished_earlier_is_told_in_lines() -> None:
    table = Table()
    await vanished.tell_earlier(table.talk, [(1, 5001)], range(1, 5001, 2))
    told = table.said.taken().splitlines()
    assert [line.count(b",") + 1 for line in told] == [A_LINE, A_LINE, 500]
    assert all(line.startswith(b"* VANISHED (EARLIER) ") for line in told)
    assert table.said.drains == 2
