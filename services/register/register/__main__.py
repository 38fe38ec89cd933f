"""Starts the web service."""

import asyncio
import secrets

from register.app import build
from register.births import Births
from register.limits import Limits
from register.links import Server
from register.server import HttpServer, doors
from register.site import Site
from shared import log, settings
from shared.listen.certificate import Certificate
from shared.listen.limits import SourceLimits
from shared.listen.listener import Listener
from shared.listen.run import run, serve
from shared.policy.accounts import Rules
from shared.queue import presence
from shared.settings import Settings
from shared.storage.accounts import Accounts
from shared.storage.database import connect
from shared.storage.passwords import hash_password
from shared.storage.suite import read_certificate


def main() -> None:
    """Run until told to stop."""
    log.configure("register")
    chosen = settings.read()
    run(lambda stopping: _serve(chosen, stopping), chosen.workers)


async def _serve(chosen: Settings, stopping: asyncio.Event) -> None:
    database = await connect(chosen.database_url, "register")
    try:
        certificate = Certificate(await read_certificate(database), chosen.data / "tls")
        site = _site(chosen)
        accounts = Accounts(database, chosen.registration)
        births = Births(accounts, hash_password, secrets.token_bytes, site.rules, chosen.domain)
        http = HttpServer(build(site, births, Limits(), lambda: certificate.is_operators))
        ports = (chosen.port_http, chosen.port_https)
        listener = Listener(
            doors(http, chosen.addresses, ports, certificate.context(alpn=["http/1.1"])),
            # A browser opens six connections at once, and a school or a mobile network is one address.
            SourceLimits(chosen.source_rate or 50, chosen.source_connections or 50, chosen.max_connections or 2000),
            has_siblings=chosen.workers > 1,
        )
        announcing = presence.announce(chosen.redis_url, "register", lambda: listener.connections)
        await serve(listener, stopping, certificate.watch(), http.keep_time(), announcing)
    finally:
        await database.close()


def _site(chosen: Settings) -> Site:
    server = Server(
        hostname=chosen.hostname,
        domain=chosen.domain,
        imaps=chosen.port_imaps,
        imap=chosen.port_imap,
        submissions=chosen.port_submissions,
        submission=chosen.port_submission,
        https=chosen.port_https,
    )
    return Site(
        server=server,
        rules=Rules(chosen.username_min, chosen.username_max, chosen.password_min, chosen.domains),
        retention_days=chosen.retention_days,
        large_retention_days=chosen.large_retention_days,
        inactive_days=chosen.inactive_days,
        quota=chosen.quota,
        max_message_size=chosen.max_message_size,
        contact=chosen.admin_contact,
    )


if __name__ == "__main__":
    main()
