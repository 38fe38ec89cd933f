"""`python -m smtp_in`: mail from other servers."""

import asyncio
import ssl

from shared import abuse, log, settings
from shared.address import parse_own_domain
from shared.inbound.furnish import Choices, furnish
from shared.inbound.reception import Reception
from shared.listen import inner
from shared.listen.certificate import Certificate
from shared.listen.disk import Disk
from shared.listen.inner import Inner
from shared.listen.limits import SourceLimits
from shared.listen.listener import Listener
from shared.listen.run import run, serve
from shared.listen.trusted import find
from shared.metrics import catalog
from shared.queue import presence
from shared.settings import Settings
from shared.smtp.handler import Terms
from shared.smtp.spool import Budget
from shared.storage.certificates import InForce
from shared.storage.database import Database, connect
from shared.storage.suite import read_certificate
from smtp_in.server import doors

# Long enough to catch a client that talks before it is greeted, too short for an honest one to notice.
GREETING_DELAY = 0.1


def main() -> None:
    """Run until told to stop."""
    log.configure("smtp-in")
    chosen = settings.read()
    abuse.configure("smtp-in", chosen.abuse_log)
    run(lambda stopping: _serve(chosen, stopping), chosen.workers)


async def _serve(chosen: Settings, stopping: asyncio.Event) -> None:
    database = await connect(chosen.database_url, "smtp-in")
    try:
        certificate = Certificate(await read_certificate(database), chosen.tls_folder, InForce(database.read))
        await certificate.look()
        disk = Disk(chosen.data, chosen.min_free_disk)
        reception = _reception(chosen, database, disk)
        limits = SourceLimits(chosen.source_rate or 20, chosen.source_connections or 10, chosen.max_connections or 1000)
        terms = Terms(
            parse_own_domain(chosen.hostname),
            chosen.max_message_size,
            has_auth=False,
            needs_tls=True,
            domain=chosen.domain,
            greeting_delay=GREETING_DELAY,
            folder=chosen.data,
            budget=Budget(largest=chosen.max_message_size),
        )
        tls = certificate.context(minimum=ssl.TLSVersion.TLSv1_2)  # other mail servers lag behind clients
        proxies = await find(chosen.proxy_from)
        listener = Listener(
            doors(reception, terms, tls, chosen.addresses, chosen.port_smtp, lambda: limits.is_crowded),
            limits,
            has_siblings=chosen.workers > 1,
            proxies=proxies,
        )
        announcing = presence.announce(chosen.redis_url, "smtp-in")
        inside = Inner(
            "smtp-in",
            lambda: database.is_available,
            {
                catalog.DISK: lambda: disk.is_low,
                catalog.CERTIFICATE: lambda: certificate.ends_at,
            },
            stopping,
        )
        showing = inner.serve(inside, chosen.metrics_addresses, chosen.metrics_port, has_siblings=chosen.workers > 1)
        await serve(listener, stopping, certificate.watch(), proxies.watch(), disk.watch(), announcing, showing)
    finally:
        await database.close()


def _reception(chosen: Settings, database: Database, disk: Disk) -> Reception:
    choices = Choices(
        hostname=chosen.hostname,
        domains=chosen.domains,
        quota=chosen.quota,
        per_second=chosen.source_rate or 20,
        dns=chosen.dns,
        plain_for=chosen.plain_for,
        unsigned_from=chosen.unsigned_from,
    )
    return furnish(choices, database, chosen.database_url, chosen.redis_url, disk)


if __name__ == "__main__":
    main()
