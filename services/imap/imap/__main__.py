"""Starts the IMAP service."""

import asyncio
import gc
from functools import partial

from imap.connection import Terms
from imap.doorkeeper import Doorkeeper
from imap.letterbox import BUDGET, Letterbox
from imap.registry import Registry
from imap.server import Server
from imap.state import House
from shared import abuse, log, settings
from shared.listen import inner
from shared.listen.certificate import Certificate
from shared.listen.disk import Disk
from shared.listen.inner import Inner
from shared.listen.limits import SourceLimits
from shared.listen.listener import Listener
from shared.listen.run import run, serve
from shared.listen.trusted import find
from shared.login import Login
from shared.metrics import catalog
from shared.policy.accounts import Rules
from shared.queue import bell, presence
from shared.queue.bell import Bell
from shared.queue.logins import Logins
from shared.settings import Settings
from shared.smtp.spool import Budget
from shared.storage.accounts import Accounts
from shared.storage.appends import Appends
from shared.storage.certificates import InForce
from shared.storage.database import Database, connect
from shared.storage.mailboxes import Mailboxes
from shared.storage.push import Tokens
from shared.storage.suite import read_certificate, read_login_key
from shared.storage.watches import Watches

GATHER_SECONDS = 0.05  # of rings: a publication costs more than the change of flags it tells of

# A full collection walks all that ten thousand clients hold, while they wait; nothing here needs one, for what a
# connection leaves goes with its last reference.
COLLECTIONS = (20_000, 10, 50)


def main() -> None:
    """Run until told to stop."""
    gc.set_threshold(*COLLECTIONS)
    log.configure("imap")
    chosen = settings.read()
    abuse.configure("imap", chosen.abuse_log)
    run(lambda stopping: _serve(chosen, stopping), chosen.workers)


async def _serve(chosen: Settings, stopping: asyncio.Event) -> None:
    # Clients keep the mod-sequences they are told for months: no crash may take one back (docs/imap.md).
    database = await connect(chosen.database_url, "imap", may_be_late=not chosen.imap_condstore)
    logins, registry = Logins(chosen.redis_url), Registry()
    ringing = Bell(chosen.redis_url, GATHER_SECONDS)
    hearing = bell.Listener(chosen.redis_url, registry)
    # A crash takes lazy changes back, and modseqs with them: the next bells would seem to be old ones.
    database.read.on_back = registry.look_all
    try:
        certificate = Certificate(await read_certificate(database), chosen.tls_folder, InForce(database.read))
        await certificate.look()
        disk = Disk(chosen.data, chosen.min_free_disk)
        appends = Appends(database.durable, chosen.database_url, chosen.quota)
        budget = Budget(BUDGET, largest=chosen.max_message_size)
        terms = Terms(
            store=Mailboxes(database, chosen.quota),
            doorkeeper=partial(Doorkeeper, await _login(chosen, database, logins)),
            house=House(
                chosen.comment,
                chosen.admin_contact,
                chosen.max_message_size,
                has_compression=chosen.imap_compress,
                has_modseqs=chosen.imap_condstore,
            ),
            hostname=chosen.hostname,
            registry=registry,
            tls=certificate.context(),
            is_available=lambda: database.is_available,
            is_bell_connected=lambda: hearing.is_connected,
            tokens=Tokens(database) if chosen.push_url else None,
            letterbox=Letterbox(appends, budget, chosen.data, disk, has_gate=chosen.gate_append),
            ring=lambda mailbox_id, modseq: ringing.ring(((mailbox_id, modseq),)),
            is_stale=Watches(database).is_stale,
        )
        proxies = await find(chosen.proxy_from)
        listener = Listener(
            Server(terms).doors(chosen.addresses, chosen.port_imap, chosen.port_imaps),
            SourceLimits(chosen.source_rate or 50, chosen.source_connections or 50, chosen.max_connections or 20_000),
            has_siblings=chosen.workers > 1,
            proxies=proxies,
        )
        announcing = presence.announce(chosen.redis_url, "imap")
        inside = Inner(
            "imap",
            lambda: database.is_available,
            {
                catalog.CERTIFICATE: lambda: certificate.ends_at,
                catalog.DISK: lambda: disk.is_low,
                catalog.BELL: lambda: hearing.is_connected,
                catalog.SESSIONS: lambda: registry.sessions,
                catalog.IDLING: lambda: registry.idling,
            },
            stopping,
        )
        showing = inner.serve(inside, chosen.metrics_addresses, chosen.metrics_port, has_siblings=chosen.workers > 1)
        await serve(
            listener,
            stopping,
            certificate.watch(),
            proxies.watch(),
            disk.watch(),
            hearing.listen(),
            announcing,
            showing,
        )
    finally:
        await hearing.close()
        await ringing.close()
        await logins.close()
        await database.close()


async def _login(chosen: Settings, database: Database, logins: Logins) -> Login:
    rules = Rules(chosen.username_min, chosen.username_max, chosen.password_min, chosen.domains)
    key = await read_login_key(database)
    return Login(Accounts(database, chosen.registration), logins, key, rules)


if __name__ == "__main__":
    main()
