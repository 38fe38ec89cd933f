"""Every case of RFC 7208's public test suite, through our evaluation."""

from ipaddress import ip_address
from typing import cast

from shared.dns.resolver import Resolver
from shared.inbound.spf import WITHHELD, Judge
from tests.spf.suite import Case, Zones, cases

# Their policies look the local part up, which we do not tell: they say nothing to us.
DECIDED_BY_LOCAL_PART = {"macro-reverse-split-on-dash": "neutral", "macro-multiple-delimiters": "neutral"}


async def result(case: Case, local: str) -> str:
    judge = Judge(cast(Resolver, Zones(case.zone)))
    domain = case.mailfrom.rpartition("@")[2] or case.helo
    return (await judge.result(domain, ip_address(case.host), case.helo, local)).value


async def test_every_case() -> None:
    every = cases()
    assert len(every) == 203
    found = {case.name: await result(case, case.mailfrom.rpartition("@")[0] or "postmaster") for case in every}
    assert {case.name: found[case.name] for case in every if found[case.name] not in case.results} == {}


async def test_without_the_local_part() -> None:
    every = cases()
    found = {case.name: await result(case, WITHHELD) for case in every}
    different = {case.name: found[case.name] for case in every if found[case.name] not in case.results}
    assert different == DECIDED_BY_LOCAL_PART
