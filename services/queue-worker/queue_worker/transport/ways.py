"""Opens the two ways into a host: its web server's `/mxdeliv`, and SMTP; and says how TLS went."""

import asyncio
import ssl

from queue_worker.transport import mxdeliv
from queue_worker.transport.dial import dial
from queue_worker.transport.hosts import Found, Host
from queue_worker.transport.mxdeliv import Door
from queue_worker.transport.security import Demand
from queue_worker.transport.smtp import Session, Unproved
from queue_worker.transport.values import Result, Stopped, TlsResult, try_later
from queue_worker.transport.web import NoAnswer, Site, open_site
from queue_worker.transport.world import World

NO_STARTTLS = try_later("4.7.4", "The server offers no encryption")
NOT_PROVED = try_later("4.7.5", "The server's TLS certificate or handshake does not meet what its domain demands")
NO_TLS = try_later("4.7.5", "The TLS handshake with the server failed")


async def by_https(host: Host, found: Found, demand: Demand, world: World) -> Door | None:
    """Return an open door to `/mxdeliv`, None if the host has none or it cannot be reached."""
    has_door = world.hosts.has_door(host.name, world.now())
    if has_door is False:
        return None
    context = world.encrypting if demand.is_self_made else world.verifying
    try:
        if has_door:
            site = await open_site(found.addresses, host.name, context, world.terms, world.terms.connect_seconds)
        else:
            site = await _probed(host, found, context, world)
    except (Stopped, ssl.SSLError, NoAnswer, TimeoutError):
        world.hosts.learn(host.name, has_door=False, now=world.now())
        return None
    return Door(site, host.name, world)


async def _probed(host: Host, found: Found, context: ssl.SSLContext, world: World) -> Site:
    """Connect, and make sure that mail is taken here."""
    async with asyncio.timeout(mxdeliv.PROBE_SECONDS):
        site = await open_site(found.addresses, host.name, context, world.terms, mxdeliv.PROBE_SECONDS)
        try:
            is_door = await mxdeliv.is_door(site) and site.is_open
        except BaseException:
            site.channel.abort()
            raise
    if not is_door:
        site.channel.abort()
        raise NoAnswer(was_sent=False)
    world.hosts.learn(host.name, has_door=True, now=world.now())
    return site


async def by_smtp(domain: str, host: Host, found: Found, port: int, demand: Demand, world: World) -> Session:
    """Return an SMTP session that has proved what was demanded, or raise Stopped."""
    try:
        return await _proved(domain, host, found, port, demand, world)
    except Unproved as error:
        if not demand.may_fall_back:
            raise Stopped(_failure(error, demand).at(host.name)) from None
    return await by_smtp(domain, host, found, port, demand.lowered(), world)


async def _proved(domain: str, host: Host, found: Found, port: int, demand: Demand, world: World) -> Session:
    try:
        channel = await dial(found.addresses, port, world.terms, world.terms.connect_seconds)
    except Stopped:
        world.hosts.smtp_failed(host.name)
        raise
    session = Session(channel, host.name, world)
    try:
        _count(domain, demand, await session.open(demand), world)
    except Unproved as error:
        session.close()
        _count(domain, demand, error.result, world)
        raise
    return session


def _count(domain: str, demand: Demand, result: TlsResult, world: World) -> None:
    if demand.is_counted:
        world.count_tls(domain, demand.policy, result)


def _failure(error: Unproved, demand: Demand) -> Result:
    if error.result == "starttls-not-supported":
        return NO_STARTTLS
    return NOT_PROVED if demand.level in ("dane", "verified") else NO_TLS
