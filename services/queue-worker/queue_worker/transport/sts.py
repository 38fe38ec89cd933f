"""MTA-STS policies: asked for, fetched, kept and used when nobody answers (RFC 8461 §3.3, §5.1).

Strategy: a policy that was seen once binds until it expires, whatever happens to the DNS or the policy host
meanwhile, for that is what an attacker would make happen. A fetch that failed is not repeated for five minutes. The
policy host is as much a stranger as any: certificate verified, no redirects, 64 KB, a minute, never in a private
network. What is larger than `shared.policy.mta_sts` has room for is no valid policy, and is not kept.
"""

import asyncio
import ssl
from collections import OrderedDict

from queue_worker.transport import hosts
from queue_worker.transport.hosts import Host
from queue_worker.transport.values import Stopped, StoredPolicy, TlsResult
from queue_worker.transport.web import NoAnswer, open_site
from queue_worker.transport.world import World
from shared.dns.answer import LookupFailed, NoSocket
from shared.policy.mta_sts import Policy, read_policy, read_record

MAX_OCTETS = 64 * 1024
SECONDS = 60.0
MAX_AGE = 31_557_600  # seconds (RFC 8461 §3.2)
REFRESH_AFTER = 86_400.0  # seconds: a policy in use is fetched again long before it expires (RFC 8461 §3.3)
QUIET_AFTER_FAILURE = 300.0  # seconds
MAX_QUIET = 10_000


class FetchFailed(Exception):
    """No policy was to be had; `result` says why, as RFC 8460 names it."""

    def __init__(self, result: TlsResult) -> None:
        super().__init__(result)
        self.result: TlsResult = result


async def policy_of(domain: str, world: World) -> Policy | None:
    """Return the policy that binds us when sending to a domain, None if there is none."""
    now = world.now()
    stored = await world.policies.get(domain)
    if stored and stored.expires <= now:
        stored = None
    new_id = await _published_id(domain, world)
    if new_id is None or (stored and stored.id == new_id and now - stored.fetched < REFRESH_AFTER):
        return read_policy(stored.text) if stored else None
    fetched = await _fetched(domain, new_id, world)
    if fetched:
        await world.policies.put(domain, fetched)
    usable = fetched or stored
    return read_policy(usable.text) if usable else None


async def _published_id(domain: str, world: World) -> str | None:
    try:
        return read_record(await world.resolver.txt(f"_mta-sts.{domain}"))
    except NoSocket:
        raise
    except LookupFailed:
        return None


async def _fetched(domain: str, new_id: str, world: World) -> StoredPolicy | None:
    if world.sts_quiet.get(domain, 0.0) > world.now():
        return None
    try:
        return await _fetch(domain, new_id, world)
    except FetchFailed as failure:
        world.count_tls(domain, "sts", failure.result)
        _be_quiet(world.sts_quiet, domain, world.now() + QUIET_AFTER_FAILURE)
        return None


async def _fetch(domain: str, new_id: str, world: World) -> StoredPolicy:
    try:
        async with asyncio.timeout(SECONDS):
            text = await _text(Host(f"mta-sts.{domain}"), world)
    except (Stopped, NoAnswer, TimeoutError):
        raise FetchFailed("sts-policy-fetch-error") from None
    except ssl.SSLCertVerificationError:
        raise FetchFailed("sts-webpki-invalid") from None
    policy = read_policy(text)
    if policy is None:
        raise FetchFailed("sts-policy-invalid")
    now = world.now()
    return StoredPolicy(new_id, text, fetched=now, expires=now + min(policy.max_age, MAX_AGE))


async def _text(host: Host, world: World) -> bytes:
    found = await hosts.find(host, None, world)
    site = await open_site(found.addresses, host.name, world.verifying, world.terms, world.terms.connect_seconds)
    try:
        page = await site.ask("GET", "/.well-known/mta-sts.txt", SECONDS, most=MAX_OCTETS)
    finally:
        site.channel.abort()  # there is nothing left to say
    if page.status != 200 or page.kind != "text/plain" or not page.is_whole:
        raise FetchFailed("sts-policy-fetch-error")
    return page.body


def _be_quiet(quiet: OrderedDict[str, float], domain: str, until: float) -> None:
    quiet.pop(domain, None)
    quiet[domain] = until
    while len(quiet) > MAX_QUIET:
        quiet.popitem(last=False)
