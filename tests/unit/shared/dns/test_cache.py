"""How long the cache remembers, and how much."""

import pytest

from shared.dns.answer import Answer, Tlsa
from shared.dns.cache import LONGEST, LONGEST_NEGATIVE, SHORTEST, Cache


def answer(*records: object, ttl: int = 300) -> Answer:
    return Answer(records, exists=True, is_authentic=False, canonical="a.test", ttl=ttl)


@pytest.mark.parametrize(
    ("kept", "seconds"),
    [
        (answer(b"x", ttl=300), 300),
        (answer(b"x", ttl=0), SHORTEST),
        (answer(b"x", ttl=10**9), LONGEST),
        (answer(ttl=20), 20),
        (answer(ttl=86400), LONGEST_NEGATIVE),
    ],
    ids=["its time", "at least", "at most", "nothing there", "nothing there, at most"],
)
def test_an_answer_lives_its_time(kept: Answer, seconds: int) -> None:
    cache = Cache()
    cache.put(("a.test", "TXT"), kept, now=1000.0)
    assert cache.get(("a.test", "TXT"), now=999.9 + seconds) is kept
    assert cache.get(("a.test", "TXT"), now=1000.0 + seconds) is None
    assert cache.get(("a.test", "A"), now=1000.0) is None


def test_the_oldest_goes_when_there_are_too_many() -> None:
    cache = Cache(answers=2)
    for name in ("a", "b", "a", "c"):
        cache.put((name, "A"), answer(b""), now=0.0)
    assert [name for name in "abc" if cache.get((name, "A"), now=1.0)] == ["a", "c"]


def test_long_answers_have_a_bound_of_their_own() -> None:
    cache = Cache(octets=1000)
    for name in "abc":
        cache.put((name, "TXT"), answer(b"x" * 400), now=0.0)
    assert [name for name in "abc" if cache.get((name, "TXT"), now=1.0)] == ["b", "c"]
    cache.put(("d", "TXT"), answer(b"x" * 2000), now=0.0)
    cache.put(("e", "TXT"), answer(b"x" * 900), now=0.0)
    assert [name for name in "bcde" if cache.get((name, "TXT"), now=1.0)] == ["e"]


def test_what_records_hold_is_counted_whatever_their_kind() -> None:
    cache = Cache(octets=10_000)
    for name in "abc":
        cache.put((name, "TLSA"), answer(Tlsa(3, 1, 0, b"x" * 4000)), now=0.0)
    assert [name for name in "abc" if cache.get((name, "TLSA"), now=1.0)] == ["b", "c"]
