"""Limits of one source and of all."""

import pytest

from shared.listen.limits import MAX_SOURCES, SourceLimits


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def limits(per_second: int = 5, connections: int = 100, total: int = 1000) -> tuple[SourceLimits, Clock]:
    clock = Clock()
    return SourceLimits(per_second, connections, total, clock), clock


def test_rate_of_one_source() -> None:
    subject, clock = limits(per_second=5)
    assert [subject.admit("192.0.2.1") is not None for _ in range(6)] == [True] * 5 + [False]
    assert subject.admit("192.0.2.2")
    clock.now += 0.2
    assert subject.admit("192.0.2.1")
    assert not subject.admit("192.0.2.1")


def test_connections_of_one_source_until_release() -> None:
    subject, _ = limits(per_second=50, connections=2)
    first, second = subject.admit("192.0.2.1"), subject.admit("192.0.2.1")
    assert first
    assert second
    assert not subject.admit("192.0.2.1")
    first.release()
    first.release()
    assert subject.admit("192.0.2.1")
    assert not subject.admit("192.0.2.1")
    second.close()
    second.close()
    assert subject.admit("192.0.2.1")


def test_total_until_close() -> None:
    subject, _ = limits(total=2)
    first = subject.admit("192.0.2.1")
    assert first
    assert subject.admit("192.0.2.2")
    first.release()
    assert not subject.admit("192.0.2.3")
    first.close()
    assert subject.admit("192.0.2.3")


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        ("192.0.2.1", "192.0.2.1", True),
        ("192.0.2.1", "192.0.2.2", False),
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", True),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
        ("fe80::1%eth0", "fe80::2%eth1", True),
    ],
)
def test_sources(one: str, other: str, is_same: bool) -> None:
    subject, _ = limits()
    assert (subject.source(one) == subject.source(other)) is is_same


def test_source_is_a_keyed_hash() -> None:
    one, other = limits()[0], limits()[0]
    assert one.source("192.0.2.1") != other.source("192.0.2.1")
    assert len(one.source("192.0.2.1")) == 32


def test_table_is_bounded() -> None:
    subject, _ = limits(per_second=1)
    assert subject.admit("10.0.0.1")
    assert not subject.admit("10.0.0.1")
    for number in range(MAX_SOURCES):
        subject.admit(f"172.{number >> 16}.{number >> 8 & 255}.{number & 255}")
    assert subject.admit("10.0.0.1") is None  # the total is reached, but
    assert len(subject._sources) == MAX_SOURCES


def test_empty_is_told() -> None:
    subject, _ = limits()
    told: list[bool] = []
    subject.on_empty = lambda: told.append(True)
    first, second = subject.admit("192.0.2.1"), subject.admit("192.0.2.1")
    assert first
    assert second
    first.close()
    assert not told
    second.close()
    assert told == [True]
