"""When mail is tried again: the schedule, its last delay for ever, and the jitter around it."""

import pytest

from shared.policy.retry import JITTER, Schedule
from shared.settings import Settings

SCHEDULE = Schedule((30, 120, 300, 3600), ambiguous=600)
MIDDLE = 0.5  # the chance that leaves a delay as it is


@pytest.mark.parametrize(
    ("attempts", "delay"),
    [(0, 30), (1, 30), (2, 120), (3, 300), (4, 3600), (5, 3600), (1000, 3600)],
)
def test_each_attempt_has_its_delay(attempts: int, delay: float) -> None:
    assert SCHEDULE.after(attempts, MIDDLE) == delay


@pytest.mark.parametrize(("chance", "factor"), [(0.0, 1 - JITTER), (MIDDLE, 1.0), (0.999999, 1 + JITTER)])
def test_what_failed_together_does_not_come_back_together(chance: float, factor: float) -> None:
    assert SCHEDULE.after(2, chance) == pytest.approx(120 * factor, rel=1e-4)


@pytest.mark.parametrize(("attempts", "delay"), [(1, 600), (3, 600), (4, 3600)])
def test_after_an_ambiguous_end_there_is_a_least(attempts: int, delay: float) -> None:
    assert SCHEDULE.after_ambiguous(attempts, MIDDLE) == delay


@pytest.mark.parametrize("chance", [0.0, 0.999999])
def test_the_least_holds_with_the_jitter_too(chance: float) -> None:
    assert SCHEDULE.after_ambiguous(1, chance) == 600


def test_a_single_delay_is_a_schedule() -> None:
    assert Schedule((1,), 0).after(7, MIDDLE) == 1


def test_the_default_reaches_half_an_hour_and_gives_up_later() -> None:
    """RFC 5321 §4.5.4.1: at least 30 minutes between tries in the long run, for days."""
    chosen = Settings(domain="example.org")
    schedule = Schedule(chosen.retry_delays, chosen.ambiguous_seconds)
    assert schedule.after(10**6, 0.0) >= 30 * 60
    assert chosen.ambiguous_seconds >= 600
    assert list(chosen.retry_delays) == sorted(chosen.retry_delays)
    assert sum(chosen.retry_delays) < chosen.retry_hours * 3600
