"""Counting, and what it adds up to."""

import inspect
import typing

import pytest

from chatmail.services import SERVICES
from shared.metrics import catalog
from shared.metrics.metric import DECLARED, Counter, Histogram


def test_a_word_that_was_not_declared_is_a_mistake() -> None:
    with pytest.raises(KeyError):
        catalog.REFUSALS.count("ann@example.org")  # type: ignore[arg-type]


def test_a_gauge_goes_up_and_down() -> None:
    catalog.CONNECTIONS.add(3.0)
    catalog.CONNECTIONS.add(-1.0)
    assert catalog.CONNECTIONS.here() == catalog.CONNECTIONS.total() == 2.0


@pytest.mark.parametrize(
    ("value", "bound"),
    [(0.0, "0.005"), (0.005, "0.005"), (0.0051, "0.01"), (60.0, "60.0"), (61.0, "+Inf"), (-0.001, "0.005")],
)
def test_a_value_belongs_to_the_first_bound_that_is_not_below_it(value: float, bound: str) -> None:
    catalog.READABLE.observe(value)
    assert catalog.READABLE.here() == {bound: 1}


def test_buckets_hold_all_that_is_at_or_below() -> None:
    for value in (0.001, 0.2, 100.0):
        catalog.READABLE.observe(value)
    buckets, total = catalog.READABLE.total()
    counts = dict(buckets)
    assert (counts["0.005"], counts["0.1"], counts["0.25"], counts["60.0"], counts["+Inf"]) == (1, 1, 2, 2, 3)
    assert total == pytest.approx(100.201)


def test_names_are_prometheus_own_and_each_stands_once() -> None:
    names = [metric.name for metric in DECLARED]
    assert len(names) == len(set(names))
    for metric in DECLARED:
        assert metric.name.startswith("chatmail_")
        assert isinstance(metric, Counter) == metric.name.endswith("_total")
        assert not isinstance(metric, Histogram) or metric.name.endswith("_seconds")


def test_services_are_those_of_the_table() -> None:
    known = {service.name for service in SERVICES}
    assert {service for metric in DECLARED for service in metric.services} <= known


def test_a_label_is_one_of_a_few_plain_words() -> None:
    aliases = [value for _, value in inspect.getmembers(catalog) if typing.get_origin(value) is typing.Literal]
    words = [word for alias in aliases for word in typing.get_args(alias)]
    assert words
    assert all(word.replace("_", "").isalpha() and word.islower() for word in words)
