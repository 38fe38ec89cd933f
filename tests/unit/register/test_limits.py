from register import limits
from register.limits import Allowance, Limits

from tests.unit.register.fakes import Clock


def test_a_burst_and_then_a_steady_pace() -> None:
    clock = Clock()
    allowance = Allowance(3, 6.0, clock)
    assert [allowance.take("a") for _ in range(4)] == [0, 0, 0, 6.0]
    clock.now += 5
    assert allowance.take("a") == 1.0
    clock.now += 1
    assert [allowance.take("a"), allowance.take("a")] == [0, 6.0]


def test_a_refusal_costs_nothing() -> None:
    clock = Clock()
    allowance = Allowance(1, 6.0, clock)
    allowance.take("a")
    for _ in range(100):
        assert allowance.take("a") == 6.0


def test_a_rest_fills_the_bucket_to_its_brim_and_no_more() -> None:
    clock = Clock()
    allowance = Allowance(2, 6.0, clock)
    allowance.take("a")
    clock.now += 1_000_000
    assert [allowance.take("a") for _ in range(3)] == [0, 0, 6.0]


def test_sources_do_not_share() -> None:
    allowance = Allowance(1, 6.0, Clock())
    assert [allowance.take("a"), allowance.take("b"), allowance.take("a")] == [0, 0, 6.0]


def test_the_least_recent_source_is_forgotten(monkeypatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr(limits, "MAX_SOURCES", 2)
    allowance = Allowance(1, 6.0, Clock())
    for source in ("a", "b", "c"):
        allowance.take(source)
    assert [allowance.take("c"), allowance.take("b"), allowance.take("a")] == [6.0, 6.0, 0]


def test_ten_addresses_and_then_ten_a_minute() -> None:
    clock = Clock()
    of_all = Limits(clock)
    given = 0
    for _ in range(60):
        given += sum(1 for _ in range(20) if not of_all.birth("a"))
        clock.now += 1
    assert given == 10 + 9  # a minute's last second is not over yet


def test_all_sources_together_have_a_limit_too() -> None:
    of_all = Limits(Clock())
    answers = [of_all.birth(f"source {number}") for number in range(600)]
    assert sum(1 for wait in answers if not wait) == 500
