"""GCRA in numbers."""

import pytest

from shared.policy.pace import Rate, step


@pytest.mark.parametrize("burst", [1, 3, 10])
def test_a_burst_goes_at_once_and_then_one_an_interval(burst: int) -> None:
    rate, due, went = Rate(per_minute=60, burst=burst), 0.0, 0
    for now in [1000.0] * (burst + 5):
        after = step(rate, due, now)
        went, due = (went + 1, after) if after is not None else (went, due)
    assert went == burst
    assert step(rate, due, 1000.9) is None
    assert step(rate, due, 1001.0) is not None


def test_idleness_earns_no_more_than_the_burst() -> None:
    rate = Rate(per_minute=60, burst=2)
    due = step(rate, 0.0, 5.0)
    assert due == 6.0
    assert step(rate, due, 1_000_000.0) == 1_000_001.0


def test_several_at_once_are_as_many_one_after_the_other() -> None:
    rate = Rate(per_minute=60, burst=5)
    due = step(rate, 0.0, 100.0, 3)
    assert due == step(rate, step(rate, step(rate, 0.0, 100.0) or 0, 100.0) or 0, 100.0)
    assert step(rate, due or 0, 100.0, 3) is None
    assert step(rate, due or 0, 100.0, 2) is not None
