"""Invariant: any policies make one of the seven results, with few questions, and never one that names the sender."""

import asyncio
from collections.abc import Mapping
from ipaddress import ip_address
from typing import cast

from hypothesis import given, settings
from hypothesis import strategies as st

from shared.dns.answer import Answer, LookupFailed, Mx
from shared.dns.resolver import Resolver
from shared.inbound.spf import MAX_QUESTIONS, WITHHELD, Judge
from shared.policy.inbound import Spf

TERM = st.sampled_from(
    [
        *("a", "mx", "ptr", "all", "-all", "~all", "?a", "ip4:192.0.2.0/24", "ip6:2001:db8::/32", "ip4:192.0.2.1/99"),
        *("include:b.example", "include:c.example", "redirect=b.example", "exp=c.example", "a:%{d}", "exists:%{i}.b.c"),
        *(
            "exists:%{l}.b.c",
            "a:%{s}",
            "mx:%{p}.example",
            "a:%{h}.x",
            "%",
            "%{",
            "a:%{ir}.%{v}.%{d2}",
            "a/33",
            "a//129",
        ),
        *(
            "a:%{z}.b",
            "x=%{o99999999999999999999}",
            "include:a.example",
            "ptr:%{p}",
            "=",
            ":",
            "a:",
            "v=spf1",
            "\xff",
            "é",
        ),
        *("exists:%{%.b", "a:%_.b", "a:%{d0}.b.c", "a:%{}.b", "redirect=%{l}.b.c", "a:..", "A:B.EXAMPLE", "exp=%{p}.c"),
    ]
)
TEXT = st.one_of(
    st.lists(TERM, max_size=8).map(lambda terms: ("v=spf1 " + " ".join(terms)).encode("latin-1")),
    st.lists(TERM, max_size=8).map(lambda terms: ("v=spf1 " + "".join(terms)).encode("latin-1")),
    st.binary(max_size=40),
)
POLICIES = st.fixed_dictionaries({name: st.lists(TEXT, max_size=2) for name in ("a.example", "b.example", "c.example")})
HELO = st.one_of(st.text(max_size=20), st.just("x." * 120))


class World:
    """Publishes the policies; every other name exists, points home, or fails, by its length."""

    def __init__(self, policies: Mapping[str, list[bytes]]) -> None:
        self._policies = policies
        self.asked: list[str] = []

    async def lookup(self, name: str, kind: str) -> Answer:
        self.asked.append(name)
        records: list[object] = []
        match kind:
            case "TXT":
                records = list(self._policies.get(name, []))
            case "MX":
                records = [Mx(n, f"m{n}.{name}") for n in range(len(name) % 12)]
            case "PTR":
                records = ["a.example", "b.example"]
            case _ if len(name) % 5 == 0:
                raise LookupFailed
            case _ if len(name) % 3:
                records = [ip_address("192.0.2.1" if kind == "A" else "2001:db8::1")]
        return Answer(tuple(records), exists=True, is_authentic=False, canonical=name, ttl=60)


@settings(max_examples=600, deadline=None, derandomize=True)
@given(POLICIES, HELO, st.sampled_from(["192.0.2.1", "198.51.100.1", "2001:db8::1", "::ffff:192.0.2.1"]))
def test_any_policies(policies: dict[str, list[bytes]], helo: str, peer: str) -> None:
    world = World(policies)
    result = asyncio.run(Judge(cast(Resolver, world)).result("a.example", ip_address(peer), helo))
    assert isinstance(result, Spf)
    assert len(world.asked) <= MAX_QUESTIONS
    assert not any(WITHHELD in name for name in world.asked)
