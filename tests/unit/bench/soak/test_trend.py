"""A line through samples, and when it is called flat."""

import pytest

from bench.soak.trend import slope, trend

MINUTES = [float(minute) for minute in range(0, 61, 5)]


@pytest.mark.parametrize(
    ("values", "an_hour", "late"),
    [
        pytest.param([5.0] * 13, 0.0, 0.0, id="the same always"),
        pytest.param([minute / 6 for minute in MINUTES], 10.0, 10.0, id="a leak"),
        pytest.param([min(minute, 30.0) for minute in MINUTES], 30.0, 0.0, id="fills up, then stays"),
        pytest.param([100.0 - minute for minute in MINUTES], -60.0, -60.0, id="shrinks"),
    ],
)
def test_slope_an_hour(values: list[float], an_hour: float, late: float) -> None:
    found = trend(MINUTES, values)
    assert found.slope == pytest.approx(an_hour, abs=0.1)
    assert found.late_slope == pytest.approx(late, abs=1e-6)


def test_all_samples_at_one_place_have_no_slope() -> None:
    assert slope([1.0, 1.0], [3.0, 9.0]) == 0.0


@pytest.mark.parametrize(
    ("step", "floor", "is_flat"),
    [
        pytest.param(0.5, 1.0, True, id="below the floor"),
        pytest.param(2.0, 1.0, False, id="above floor and share"),
        pytest.param(2.0, 3.0, True, id="a higher floor"),
        pytest.param(-9.0, 1.0, True, id="what shrinks does not grow"),
    ],
)
def test_flat_is_little_or_little_for_its_size(step: float, floor: float, is_flat: bool) -> None:
    values = [50.0 + step * minute / 60 for minute in MINUTES]
    assert trend(MINUTES, values).is_flat(floor) is is_flat
    assert trend(MINUTES, [1e6 + value for value in values]).is_flat(floor)


def test_what_fills_up_has_settled_and_what_leaks_has_not() -> None:
    assert trend(MINUTES, [50.0 + min(minute, 30.0) for minute in MINUTES]).has_settled(1.0)
    assert not trend(MINUTES, [50.0 + minute for minute in MINUTES]).has_settled(1.0)
    assert not trend(MINUTES, [50.0 for _ in MINUTES]).has_settled(1.0)
