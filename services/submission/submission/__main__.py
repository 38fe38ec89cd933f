"""`python -m submission`: mail from our own users."""

import asyncio

from shared import abuse, log, settings
from shared.address import parse_own_domain
from shared.delivery import Delivery
from shared.intake import Intake
from shared.listen import inner
from shared.listen.certificate import Certificate
from shared.listen.disk import Disk
from shared.listen.inner import Inner
from shared.listen.limits import SourceLimits
from shared.listen.listener import Listener
from shared.listen.pace import SourcePace, a_second
from shared.listen.run import run, serve
from shared.listen.trusted import find
from shared.login import Login
from shared.metrics import catalog
from shared.policy.accounts import Rules
from shared.policy.pace import Rate
from shared.queue import contract, presence
from shared.queue.bell import Bell
from shared.queue.jobs import Jobs
from shared.queue.logins import Logins
from shared.queue.pace import Pace
from shared.settings import Settings
from shared.smtp.handler import Terms
from shared.smtp.spool import Budget
from shared.storage.accounts import Accounts
from shared.storage.certificates import InForce
from shared.storage.database import Database, connect
from shared.storage.deliveries import Deliveries
from shared.storage.federation import Federation
from shared.storage.recipients import Recipients
from shared.storage.suite import read_certificate, read_login_key
from submission.desk import MESSAGES_A_SECOND, Desk
from submission.server import doors


def main() -> None:
    """Run until told to stop."""
    log.configure("submission")
    chosen = settings.read()
    abuse.configure("submission", chosen.abuse_log)
    run(lambda stopping: _serve(chosen, stopping), chosen.workers)


async def _serve(chosen: Settings, stopping: asyncio.Event) -> None:
    database = await connect(chosen.database_url, "submission")
    try:
        certificate = Certificate(await read_certificate(database), chosen.tls_folder, InForce(database.read))
        await certificate.look()
        disk = Disk(chosen.data, chosen.min_free_disk)
        desk = _desk(chosen, database, disk, await read_login_key(database))
        limits = SourceLimits(chosen.source_rate or 50, chosen.source_connections or 50, chosen.max_connections or 5000)
        terms = Terms(
            parse_own_domain(chosen.hostname),
            chosen.max_message_size,
            has_auth=True,
            domain=chosen.domain,
            folder=chosen.data,
            budget=Budget(largest=chosen.max_message_size),
        )
        ports = (chosen.port_submissions, chosen.port_submission)
        proxies = await find(chosen.proxy_from)
        listener = Listener(
            doors(desk, terms, certificate.context(), chosen.addresses, ports, lambda: limits.is_crowded),
            limits,
            has_siblings=chosen.workers > 1,
            proxies=proxies,
        )
        announcing = presence.announce(chosen.redis_url, "submission")
        inside = Inner(
            "submission",
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


def _desk(chosen: Settings, database: Database, disk: Disk, login_key: bytes) -> Desk:
    rules = Rules(chosen.username_min, chosen.username_max, chosen.password_min, chosen.domains)
    accounts = Accounts(database, chosen.registration)
    deliveries = Deliveries(database.durable, chosen.database_url, chosen.quota)
    return Desk(
        login=Login(accounts, Logins(chosen.redis_url), login_key, rules),
        recipients=Recipients(database.read, chosen.quota),
        federation=Federation(database.read),
        pace=Pace(chosen.redis_url, Rate(chosen.send_per_minute, chosen.send_burst)),
        pace_elsewhere=Pace(
            chosen.redis_url, Rate(chosen.recipients_per_minute, chosen.recipients_burst), contract.PACE_ELSEWHERE
        ),
        intake=Intake(Delivery(deliveries, Bell(chosen.redis_url), Jobs(chosen.redis_url))),
        database=database,
        disk=disk,
        domains=chosen.domains,
        sources=SourcePace(a_second(chosen.source_rate or MESSAGES_A_SECOND)),
    )


if __name__ == "__main__":
    main()
