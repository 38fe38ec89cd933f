"""Which of our names lead to this server."""

import asyncio
from collections.abc import Sequence
from ipaddress import ip_address
from typing import Protocol

from queue_worker.acme.trouble import Trouble
from shared.dns.answer import LookupFailed
from shared.policy import certificates
from shared.policy.certificates import UNFIT, UNRESOLVED, Addresses, Held


class Resolver(Protocol):
    """`shared.dns.resolver.Resolver`."""

    async def addresses(self, name: str) -> Sequence[object]:
        """Return all addresses of a host; raise LookupFailed."""


async def find(resolver: Resolver, host: str, domains: Sequence[str], held: Held | None) -> list[str]:
    """Return the names to ask for, the host first; raise Trouble where there is no way to the host itself."""
    if certificates.is_ip(host):
        return [host]
    if not certificates.is_fit(host):
        raise Trouble(UNFIT, [host])
    names = [host, *certificates.candidates(host, domains)]
    found = dict(zip(names, await asyncio.gather(*(_addresses(resolver, name) for name in names)), strict=True))
    if not found[host]:
        raise Trouble(UNRESOLVED, [host])
    return certificates.chosen(host, found, held)


async def _addresses(resolver: Resolver, name: str) -> Addresses | None:
    try:
        return frozenset(ip_address(str(address)) for address in await resolver.addresses(name))
    except LookupFailed:
        return None
