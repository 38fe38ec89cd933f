"""Where a destination takes its mail: RFC 5321 §5.1, with RFC 7505 (null MX) and what strangers do to the DNS.

Strategy: everything is resolved here, once, to addresses that may be dialled; those very addresses are dialled and no
name is ever looked up again on the way (DNS rebinding). What the DNS says of DNSSEC is carried along for DANE.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from itertools import zip_longest

from queue_worker.transport import places
from queue_worker.transport.places import IpAddress
from queue_worker.transport.values import Result, Route, Stopped, refused, try_later
from queue_worker.transport.world import World
from shared.address import literal_ip
from shared.dns.answer import Answer, LookupFailed, Mx, NoSocket

MAX_HOSTS = 5
MAX_ADDRESSES = 4  # of one host, half of each family if it has both

NO_SUCH_DOMAIN = refused(512, "5.1.2", "No such domain, or it takes no mail", is_of_destination=True)
NULL_MX = refused(556, "5.1.10", "The domain says it takes no mail", is_of_destination=True)
LOOP = refused(554, "5.4.6", "The domain's mail would come back to this server", is_of_destination=True)
NOT_DIALLED = refused(550, "5.4.4", "The address lies in a private network", is_of_destination=True)
NO_ADDRESS = try_later("4.4.4", "No mail server of the domain has an address that can be reached")
DNS_FAILED = try_later("4.4.3", "The domain's mail servers could not be looked up")


@dataclass(frozen=True, slots=True)
class Host:
    """A mail server by name, or by `ip`. `is_authentic`: DNSSEC vouches for its being this domain's."""

    name: str
    is_authentic: bool = False
    ip: IpAddress | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """A host's addresses that may be dialled, and if DNSSEC vouches for them; `canonical` is its name after CNAMEs."""

    addresses: tuple[IpAddress, ...]
    is_authentic: bool
    canonical: str


async def of(domain: str, route: Route | None, world: World) -> Sequence[Host] | Result:
    """Return the hosts of a destination in the order to try them, or say at once what becomes of its mail."""
    if route:
        return [Host(route.host.lower().removesuffix("."), ip=places.read(route.host.strip("[]")))]
    if domain in world.terms.own_domains:
        return LOOP
    if ip := literal_ip(domain):
        return await _judge_literal(ip, world)
    try:
        name = domain.encode("idna").decode("ascii") if not domain.isascii() else domain
        answer = await world.resolver.lookup(name, "MX")
    except NoSocket:
        raise
    except LookupFailed:
        return DNS_FAILED
    except UnicodeError:
        return NO_SUCH_DOMAIN
    if not answer.exists:
        return NO_SUCH_DOMAIN
    return _exchangers(answer, world) if answer.records else await _itself(name, world)


async def find(host: Host, route: Route | None, world: World) -> Found:
    """Look up a host's addresses, families interleaved; raise Stopped if there are none to dial."""
    if host.ip:
        return Found((host.ip,), is_authentic=False, canonical=host.name)
    answers = await _addresses(host.name, world)
    all_of_them = [address for answer in answers for address in answer.records]
    may_be_private = route is not None
    ours = frozenset() if may_be_private else await _own(world)
    addresses = [a for a in all_of_them if may_be_private or (places.may_dial(a, world.terms) and a not in ours)]
    if not addresses:
        raise Stopped(LOOP if ours.intersection(all_of_them) else NO_ADDRESS)
    return Found(_interleaved(addresses), all(a.is_authentic for a in answers if a.records), answers[0].canonical)


async def _judge_literal(ip: IpAddress, world: World) -> list[Host] | Result:
    if ip in await _own(world):
        return LOOP
    return [Host(str(ip), ip=ip)] if places.may_dial(ip, world.terms) else NOT_DIALLED


async def _itself(name: str, world: World) -> list[Host] | Result:
    """Without MX a domain is its own mail server, if it has an address (RFC 5321 §5.1)."""
    try:
        answers = await _addresses(name, world)
    except Stopped as stopped:
        return stopped.result
    if not any(answer.records for answer in answers):
        return NO_SUCH_DOMAIN
    return [Host(name, is_authentic=all(answer.is_authentic for answer in answers))]


def _exchangers(answer: Answer, world: World) -> list[Host] | Result:
    records: list[Mx] = sorted(answer.records, key=lambda mx: (mx.preference, random.random()))  # noqa: S311
    if not any(mx.host for mx in records):
        return NULL_MX
    ours = [mx.preference for mx in records if mx.host == world.terms.hostname.lower()]
    if ours:  # only those preferred to us, or the mail would go round (RFC 5321 §5.1)
        records = [mx for mx in records if mx.preference < ours[0]]
    named = [Host(mx.host, answer.is_authentic) for mx in records if mx.host and not places.read(mx.host)]
    return named[:MAX_HOSTS] or (LOOP if ours else NO_SUCH_DOMAIN)


async def _addresses(name: str, world: World) -> list[Answer]:
    answers, has_failed = [], False
    for kind in ("AAAA", "A"):
        try:
            answers.append(await world.resolver.lookup(name, kind))
        except NoSocket:
            raise
        except LookupFailed:
            has_failed = True
    if has_failed and not any(answer.records for answer in answers):
        raise Stopped(DNS_FAILED)
    return answers


async def _own(world: World) -> frozenset[IpAddress]:
    if world.terms.is_literal:
        return places.own(world.terms)
    try:
        return places.own(world.terms, await world.resolver.addresses(world.terms.hostname))
    except LookupFailed:
        return places.own(world.terms)


def _interleaved(addresses: Sequence[IpAddress]) -> tuple[IpAddress, ...]:
    six = [address for address in addresses if isinstance(address, IPv6Address)]
    four = [address for address in addresses if isinstance(address, IPv4Address)]
    both = [address for pair in zip_longest(six, four) for address in pair if address]
    return tuple(both[:MAX_ADDRESSES])
