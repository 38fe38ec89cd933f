"""How safely a host must be reached: DANE, else MTA-STS, else encrypted (RFC 7672 §2, RFC 8461 §2, RFC 7435).

Strategy: the demand is settled before anything is dialled and never lowered afterwards: what does not meet it is
tried later. Literal destinations and names with a leading `_` are servers with certificates of their own making:
encryption alone.
"""

import datetime
from collections.abc import Sequence
from dataclasses import dataclass, replace
from ssl import SSLContext
from typing import Literal

from queue_worker.transport.hosts import Found, Host
from queue_worker.transport.tlsa import usable
from queue_worker.transport.values import PolicyType, Route, Stopped, try_later
from queue_worker.transport.world import World
from shared.dns.answer import LookupFailed, NoSocket, Tlsa
from shared.policy.mta_sts import Policy

SMTP_PORT = 25  # TLSA records are those of port 25, even where a test or a closed network has moved it

NOT_COVERED = try_later("4.7.5", "The domain's MTA-STS policy does not list this mail server")
TLSA_FAILED = try_later("4.4.3", "The server's TLSA records could not be looked up")

Level = Literal["dane", "verified", "encrypted", "any"]


@dataclass(frozen=True, slots=True)
class Demand:
    """What a connection must prove; `names` are those a certificate may bear under DANE.

    `may_fall_back`: a failure is only counted, and the host tried again with encryption alone (MTA-STS in testing),
    which is then not counted (`is_counted`). `is_self_made`: nobody can vouch for the certificate, over HTTPS
    neither.
    """

    level: Level
    policy: PolicyType = "no-policy-found"
    names: tuple[str, ...] = ()
    records: tuple[Tlsa, ...] = ()
    may_fall_back: bool = False
    is_counted: bool = True
    is_self_made: bool = False

    def context(self, world: World) -> SSLContext:
        return world.verifying if self.level == "verified" else world.encrypting

    def lowered(self) -> "Demand":
        return replace(self, level="encrypted", may_fall_back=False, is_counted=False)


def of_route(route: Route) -> Demand:
    """Return what an operator's override asks for."""
    return Demand(route.tls, is_self_made=route.tls != "verified")


def is_self_made(domain: str, host: Host) -> bool:
    """Tell if a server is one whose certificate nobody can vouch for, by the convention of chatmail relays."""
    return domain.startswith(("[", "_")) or host.name.startswith("_") or host.ip is not None


async def of_host(domain: str, host: Host, found: Found, policy: Policy | None, world: World) -> Demand:
    """Return what a host must prove to get this domain's mail; raise Stopped if it cannot have it at all."""
    if is_self_made(domain, host):
        # Nobody there could be sent a report, so nobody's name is kept for one.
        return Demand("encrypted", is_counted=False, is_self_made=True)
    if host.is_authentic and found.is_authentic:
        demand = await _dane(domain, host, found, world)
        if demand:
            return demand
    if policy is None or policy.mode == "none":
        return Demand("encrypted")
    if policy.covers(host.name):
        return Demand("verified", "sts", may_fall_back=policy.mode == "testing")
    world.count_tls(domain, "sts", "validation-failure")
    if policy.mode == "testing":
        return Demand("encrypted", "sts", is_counted=False)
    raise Stopped(NOT_COVERED)


async def _dane(domain: str, host: Host, found: Found, world: World) -> Demand | None:
    # The name at the end of the CNAMEs first, then the one the MX gave (RFC 7672 §2.2.2).
    for name in dict.fromkeys((found.canonical, host.name)):
        try:
            answer = await world.resolver.tlsa(name, SMTP_PORT)
        except NoSocket:
            raise
        except LookupFailed:  # somebody may be hiding the records: never fall back (RFC 7672 §2.1)
            world.count_tls(domain, "tlsa", "tlsa-invalid")
            raise Stopped(TLSA_FAILED) from None
        if answer.is_authentic and answer.records:
            return _pinned(answer.records, (name, host.name, domain))
    return None


def _pinned(records: Sequence[Tlsa], names: Sequence[str]) -> Demand:
    good = usable(records)
    return Demand("dane" if good else "encrypted", "tlsa", tuple(dict.fromkeys(names)), tuple(good))


def instant(world: World) -> datetime.datetime:
    """Return the present moment as certificates count it."""
    return datetime.datetime.fromtimestamp(world.now(), datetime.UTC)
