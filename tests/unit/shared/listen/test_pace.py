"""How often a source may do a thing."""

import pytest

from shared.listen.pace import MAX_SOURCES, SourcePace, a_second
from shared.policy.pace import Rate


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_so_many_at_once_and_then_at_the_pace() -> None:
    clock = Clock()
    pace = SourcePace(Rate(per_minute=20, burst=3), clock)
    assert [pace.count("one") for _ in range(5)] == [True, True, True, False, False]
    clock.now += 3.0
    assert [pace.count("one") for _ in range(2)] == [True, False]
    clock.now += 1000.0
    assert [pace.count("one") for _ in range(4)] == [True, True, True, False]


def test_asking_counts_nothing_and_sources_are_apart() -> None:
    pace = SourcePace(Rate(per_minute=1, burst=1), Clock())
    assert [pace.may_go("one") for _ in range(3)] == [True] * 3
    assert pace.count("one")
    assert not pace.may_go("one")
    assert pace.may_go("other")


@pytest.mark.parametrize("events", [1, 20, 50])
def test_a_second(events: int) -> None:
    clock = Clock()
    pace = SourcePace(a_second(events), clock)
    for _ in range(5):
        assert sum(pace.count("one") for _ in range(3 * events)) in (events, events + 1)
        clock.now += 1.0


def test_the_table_is_bounded() -> None:
    pace = SourcePace(Rate(per_minute=20, burst=20), Clock())
    for number in range(MAX_SOURCES + 10):
        pace.count(str(number))
    assert len(pace._due) == MAX_SOURCES
