"""One clock for all: each is told the time once a round."""

import asyncio
from collections.abc import Callable

import pytest
from imap import rounds
from imap.rounds import ROUND, SLOTS, Rounds


class Timed:
    def __init__(self, *, fails: bool = False) -> None:
        self.times: list[float] = []
        self.fails = fails

    def tick(self, now: float) -> None:
        self.times.append(now)
        if self.fails:
            raise ValueError


@pytest.fixture
def pass_time(monkeypatch: pytest.MonkeyPatch) -> Callable[[Rounds, int], None]:
    """Let so many slots pass, without the loop's clock."""
    monkeypatch.setattr(rounds.log, "failure", lambda *_: None)

    def passing(clock: Rounds, slots: int) -> None:
        for _ in range(slots):
            clock._go_on()

    return passing


async def test_each_is_told_once_a_round(pass_time: Callable[[Rounds, int], None]) -> None:
    clock, all_of_them = Rounds(), [Timed() for _ in range(3 * SLOTS)]
    for number, timed in enumerate(all_of_them):
        clock.add(timed, number / len(all_of_them))
    pass_time(clock, SLOTS)
    assert {len(timed.times) for timed in all_of_them} == {1}
    pass_time(clock, SLOTS // 2)
    assert sum(len(timed.times) for timed in all_of_them) == len(all_of_them) * 3 // 2


async def test_who_has_gone_is_told_nothing(pass_time: Callable[[Rounds, int], None]) -> None:
    clock, timed = Rounds(), Timed()
    clock.add(timed, 0.5)
    clock.remove(timed)
    clock.remove(timed)
    pass_time(clock, SLOTS)
    assert timed.times == []
    assert len(clock) == 0


async def test_one_that_fails_does_not_stop_the_clock(pass_time: Callable[[Rounds, int], None]) -> None:
    clock, bad, good = Rounds(), Timed(fails=True), Timed()
    clock.add(bad, 0.5)
    clock.add(good, 0.5)
    pass_time(clock, 2 * SLOTS)
    assert (len(bad.times), len(good.times)) == (2, 2)


async def test_ten_thousand_cost_one_timer(monkeypatch: pytest.MonkeyPatch) -> None:
    loop, timers = asyncio.get_running_loop(), list[float]()
    monkeypatch.setattr(loop, "call_later", lambda delay, *_: timers.append(delay) or object())
    clock = Rounds()
    for number in range(10_000):
        clock.add(Timed(), number / 10_000)
    assert timers == [ROUND / SLOTS]


async def test_the_clock_stops_when_nobody_is_there(pass_time: Callable[[Rounds, int], None]) -> None:
    clock, timed = Rounds(), Timed()
    clock.add(timed, 0.0)
    clock.remove(timed)
    pass_time(clock, 1)
    assert clock._timer is None
    clock.add(timed, 0.0)
    assert clock._timer is not None
