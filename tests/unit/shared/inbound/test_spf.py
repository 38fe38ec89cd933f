"""SPF beyond the public suite (tests/spf): our bounds, our privacy, our answers to failure."""

import threading
from collections.abc import Mapping, Sequence
from ipaddress import ip_address
from typing import Any, cast

import pytest

from shared.dns.answer import Answer, LookupFailed, Mx
from shared.dns.resolver import Resolver
from shared.inbound.spf import MAX_QUESTIONS, MAX_RECORD, Judge
from shared.policy.inbound import Spf

PEER = "192.0.2.1"
World = Mapping[tuple[str, str], Sequence[Any] | None]


class Names:
    """A world of names; None stands for one that cannot be looked up."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.asked: list[tuple[str, str]] = []

    async def lookup(self, name: str, kind: str) -> Answer:
        self.asked.append((name, kind))
        found = self._world.get((name, kind), ())
        if found is None:
            raise LookupFailed
        return Answer(tuple(found), exists=bool(found), is_authentic=False, canonical=name, ttl=60)


async def result(names: Names, peer: str = PEER, helo: str = "mx.example") -> Spf:
    return await Judge(cast(Resolver, names)).result("a.example", ip_address(peer), helo)


def policy(text: str, more: World | None = None) -> Names:
    return Names({("a.example", "TXT"): [b"v=spf1 " + text.encode()], **(more or {})})


INCLUDES = {(f"i{n}.example", "TXT"): [f"v=spf1 include:i{n + 1}.example -all".encode()] for n in range(20)}
LOOP = {("b.example", "TXT"): [b"v=spf1 include:a.example -all"]}
HOSTS = {("a.example", "MX"): [Mx(n, f"m{n}.example") for n in range(10)]}
ADDRESSES = {(f"m{n}.example", "A"): [ip_address("198.51.100.7")] for n in range(10)}
WIDE = {(f"x{n}.example", "MX"): [Mx(1, f"n{n}-{m}.example") for m in range(10)] for n in range(10)}
WIDE_ADDRESSES = {(f"n{n}-{m}.example", "A"): [ip_address("198.51.100.7")] for n in range(10) for m in range(10)}
PTRS = {("1.2.0.192.in-addr.arpa", "PTR"): ["h.a.example"], ("h.a.example", "A"): [ip_address(PEER)]}


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (policy("-all"), Spf.FAILED),
        (policy("ip4:192.0.2.0/24 -all"), Spf.PASSED),
        (policy("mx -all", {**HOSTS, **ADDRESSES, ("m9.example", "A"): [ip_address(PEER)]}), Spf.PASSED),
        (policy("ptr -all", PTRS), Spf.PASSED),
        (policy("ptr ?all", {("1.2.0.192.in-addr.arpa", "PTR"): None}), Spf.NEUTRAL),
        (policy("a -all", {("a.example", "A"): None}), Spf.TEMPERROR),
        (policy("a:%00.example ~all"), Spf.PERMERROR),
        (policy("exists:%{h}.x.example ~all"), Spf.SOFTFAIL),
        (policy("include:i0.example", INCLUDES), Spf.PERMERROR),
        (policy("include:b.example", LOOP), Spf.PERMERROR),
        (policy("redirect=b.example", {("b.example", "TXT"): [b"v=spf1 redirect=a.example"]}), Spf.PERMERROR),
        (policy("a:v1.example a:v2.example -all"), Spf.FAILED),
        (policy("a:v1.example a:v2.example a:v3.example -all"), Spf.PERMERROR),
        (policy("a mx -all", {("a.example", "MX"): [Mx(0, "")]}), Spf.FAILED),
        (policy("mx:x0.example mx:x1.example -all", {**WIDE, **WIDE_ADDRESSES}), Spf.FAILED),
        (policy("ip4:192.0.2.1 " * (MAX_RECORD // 14)), Spf.PERMERROR),
        (policy("exp=e.example -all", {("e.example", "TXT"): [b"%{i} is not %{r}"]}), Spf.FAILED),
        (Names({("a.example", "TXT"): [b"\xff v=spf1", b"something"]}), Spf.NONE),
        (Names({("a.example", "TXT"): [b"v=spf1 -all", b"v=spf1 +all"]}), Spf.PERMERROR),
        (Names({("a.example", "TXT"): None}), Spf.TEMPERROR),
        (Names({}), Spf.NONE),
    ],
)
async def test_results(names: Names, expected: Spf) -> None:
    assert await result(names) is expected


async def test_questions_are_bounded() -> None:
    names = policy(" ".join(f"mx:x{n}.example" for n in range(10)) + " -all", {**WIDE, **WIDE_ADDRESSES})
    assert await result(names) is Spf.PERMERROR
    assert len(names.asked) == MAX_QUESTIONS


async def test_every_question_is_asked_once() -> None:
    names = policy("mx ptr:nowhere.example -all", {**HOSTS, **ADDRESSES, **PTRS})
    assert await result(names) is Spf.FAILED
    assert len(names.asked) == len(set(names.asked)) == 14


@pytest.mark.parametrize("macro", ["%{l}", "%{s}", "%{L}", "%{S}", "%{lr-}", "%{s1r+-}", "%{l1}", "x.%{l}.%{d}"])
async def test_local_part_is_withheld(macro: str) -> None:
    names = policy(f"exists:{macro}.users.example -all")
    assert await result(names) is Spf.NEUTRAL
    assert names.asked == [("a.example", "TXT")]


async def test_macro_that_leaves_the_local_part_out() -> None:
    names = policy("exists:%{s1}.users.example -all")
    assert await result(names) is Spf.FAILED
    assert names.asked[1:] == [("example.users.example", "A")]


async def test_what_matches_before_a_local_part_counts() -> None:
    assert await result(policy("ip4:192.0.2.1 exists:%{l}.users.example -all")) is Spf.PASSED


async def test_explanation_is_not_fetched() -> None:
    names = policy("exp=e.example -all")
    assert await result(names) is Spf.FAILED
    assert names.asked == [("a.example", "TXT")]


@pytest.mark.parametrize(
    ("peer", "expected"), [("::ffff:192.0.2.1", Spf.PASSED), ("2001:db8::1", Spf.FAILED), ("2001:db8::5", Spf.PASSED)]
)
async def test_families(peer: str, expected: Spf) -> None:
    assert await result(policy("ip4:192.0.2.1 ip6:2001:db8::5 -all"), peer) is expected


async def test_long_names_are_cut() -> None:
    names = policy("exists:%{h}.x.example -all")
    assert await result(names, helo="a." * 2000 + "b") is Spf.FAILED
    assert 200 < len(names.asked[1][0]) < 300


async def test_no_thread_waits_for_the_dns() -> None:
    seen: set[int] = set()

    class Watching(Names):
        async def lookup(self, name: str, kind: str) -> Answer:
            seen.add(threading.get_ident())
            return await super().lookup(name, kind)

    names = Watching({("a.example", "TXT"): [b"v=spf1 mx -all"]})
    assert await result(names) is Spf.FAILED
    assert seen == {threading.get_ident()}
