"""What processes say of themselves, of this version and of others."""

import json

import pytest

from shared.queue.overview import Present, _read


def present(*said: object) -> Present:
    found = Present()
    for one in said:
        found.add(_read(one if isinstance(one, bytes) else json.dumps(one).encode()))
    return found


def test_replicas_are_added_up() -> None:
    one = {"version": "1", "connections": 3, "accepted": 5, "rss": 100, "readable": {"0.01": 2, "+Inf": 1}}
    two = {"version": "2", "connections": 4, "accepted": 6, "rss": 200, "readable": {"0.01": 1, "0.5": 4}}
    found = present(one, two)
    assert (found.replicas, found.connections, found.accepted, found.rss) == (2, 7, 11, 300)
    assert found.versions == {"1", "2"}
    assert found.readable == {0.01: 3, 0.5: 4, float("inf"): 1}


def test_an_older_version_says_its_connections_alone() -> None:
    found = present(b"17", {"connections": 3})
    assert (found.replicas, found.connections, found.refused) == (2, 20, 0)


@pytest.mark.parametrize(
    "said",
    [b"", b"garbage", b"[1]", b"null", b"true", b'"x"', {"connections": "many"}, {"readable": [1]}, {"version": 7}],
    ids=str,
)
def test_what_makes_no_sense_counts_as_nothing(said: object) -> None:
    found = present(said)
    assert (found.replicas, found.connections, found.versions, found.within(0.5)) == (1, 0, set(), None)


@pytest.mark.parametrize(
    ("readable", "half", "most"),
    [
        ({"0.01": 1}, 0.01, 0.01),
        ({"0.01": 99, "5.0": 1}, 0.01, 0.01),
        ({"0.01": 98, "5.0": 2}, 0.01, 5.0),
        ({"0.01": 1, "+Inf": 9}, float("inf"), float("inf")),
        ({}, None, None),
    ],
    ids=["one", "nearly all", "a few late", "mostly late", "none"],
)
def test_how_soon_messages_were_readable(readable: dict[str, int], half: float | None, most: float | None) -> None:
    found = present({"readable": readable})
    assert (found.within(0.5), found.within(0.99)) == (half, most)
