"""Starts the web service."""

import asyncio
import secrets
from contextlib import AsyncExitStack
from urllib.parse import urlsplit

from register.app import build
from register.births import Births
from register.challenges import Challenges
from register.forwarded import Forwarding
from register.limits import Limits
from register.links import Server
from register.mxdeliv import PATH, Mxdeliv
from register.server import HttpServer, Large, doors
from register.site import Site
from shared import abuse, log, settings
from shared.inbound.furnish import Choices, furnish
from shared.listen import inner
from shared.listen.certificate import Certificate
from shared.listen.disk import Disk
from shared.listen.inner import Inner
from shared.listen.limits import SourceLimits
from shared.listen.listener import Listener
from shared.listen.run import run, serve
from shared.listen.trusted import find
from shared.metrics import catalog
from shared.policy.accounts import Rules
from shared.queue import presence
from shared.settings import Settings
from shared.storage.accounts import Accounts
from shared.storage.certificates import Answers, InForce
from shared.storage.database import connect
from shared.storage.passwords import hash_password
from shared.storage.suite import read_certificate


def main() -> None:
    """Run until told to stop."""
    log.configure("register")
    chosen = settings.read()
    abuse.configure("register", chosen.abuse_log)
    run(lambda stopping: _serve(chosen, stopping), chosen.workers)


async def _serve(chosen: Settings, stopping: asyncio.Event) -> None:
    async with AsyncExitStack() as open_things:
        database = await connect(chosen.database_url, "register")
        open_things.push_async_callback(database.close)
        certificate = Certificate(await read_certificate(database), chosen.tls_folder, InForce(database.read))
        await certificate.look()
        site = _site(chosen)
        accounts = Accounts(database, chosen.registration)
        births = Births(accounts, hash_password, secrets.token_bytes, site.rules)
        disk = Disk(chosen.data, chosen.min_free_disk)
        mail = await _mail(chosen, disk, open_things)
        proxies, forwarders = await find(chosen.proxy_from), await find(chosen.forwarded_from)
        # A browser opens six connections at once, and a school or a mobile network is one address.
        at_once = chosen.source_connections or 50
        limits = SourceLimits(chosen.source_rate or 50, at_once, chosen.max_connections or 2000)
        http = HttpServer(
            build(site, births, Limits(), lambda: certificate.is_trusted, mail, Challenges(Answers(database.read))),
            Large(PATH, chosen.max_message_size if mail else 0),
            Forwarding(forwarders, limits.source, at_once),
        )
        ports = (chosen.port_http, chosen.port_https)
        listener = Listener(
            doors(http, chosen.addresses, ports, certificate.context(alpn=["http/1.1"])),
            limits,
            has_siblings=chosen.workers > 1,
            proxies=proxies,
            many=forwarders,
        )
        announcing = presence.announce(chosen.redis_url, "register")
        inside = Inner(
            "register",
            lambda: database.is_available,
            {
                catalog.DISK: lambda: disk.is_low,
                catalog.CERTIFICATE: lambda: certificate.ends_at,
            },
            stopping,
        )
        showing = inner.serve(inside, chosen.metrics_addresses, chosen.metrics_port, has_siblings=chosen.workers > 1)
        await serve(
            listener,
            stopping,
            certificate.watch(),
            http.keep_time(),
            proxies.watch(),
            forwarders.watch(),
            disk.watch(),
            announcing,
            showing,
        )


async def _mail(chosen: Settings, disk: Disk, open_things: AsyncExitStack) -> Mxdeliv | None:
    """Open the door for other servers' mail, with a pool in the role of smtp-in: this service's own reads no mail."""
    if not chosen.inbound_database_url:
        return None
    database = await connect(chosen.inbound_database_url, "mxdeliv")
    open_things.push_async_callback(database.close)
    choices = Choices(
        hostname=chosen.hostname,
        domains=chosen.domains,
        quota=chosen.quota,
        per_second=chosen.source_rate or 20,
        dns=chosen.dns,
        plain_for=chosen.plain_for,
        unsigned_from=chosen.unsigned_from,
    )
    reception = furnish(choices, database, chosen.inbound_database_url, chosen.redis_url, disk)
    return Mxdeliv(reception, chosen.max_message_size, chosen.data)


def _site(chosen: Settings) -> Site:
    server = Server(
        hostname=chosen.hostname,
        domain=chosen.domain,
        imaps=chosen.port_imaps,
        imap=chosen.port_imap,
        submissions=chosen.port_submissions,
        submission=chosen.port_submission,
        # A proxy stands where clients look for us; our own port is between it and us.
        https=443 if chosen.proxy_from or chosen.forwarded_from else chosen.port_https,
    )
    return Site(
        server=server,
        rules=Rules(chosen.username_min, chosen.username_max, chosen.password_min, chosen.domains),
        retention_days=chosen.retention_days,
        large_retention_days=chosen.large_retention_days,
        inactive_days=chosen.inactive_days,
        quota=chosen.quota,
        max_message_size=chosen.max_message_size,
        retry_hours=chosen.retry_hours,
        push_host=urlsplit(chosen.push_url).hostname or "",
        contact=chosen.admin_contact,
    )


if __name__ == "__main__":
    main()
