"""`python -m queue_worker`: the delivery engine and push on the loop, housekeeping and RQ's doorbell on threads."""

import asyncio
import gc
from collections.abc import Callable
from functools import partial

from queue_worker import jobs
from queue_worker.acme.renewal import Renewal, Wishes
from queue_worker.chores import Chores
from queue_worker.drain import Limits
from queue_worker.engine import Engine
from queue_worker.housekeeping import Housekeeper
from queue_worker.office import Office
from queue_worker.policies import Policies
from queue_worker.poster import Poster
from queue_worker.push import Pusher
from queue_worker.reports import Reporter
from queue_worker.signers import Signers
from queue_worker.transport.courier import Courier
from queue_worker.transport.values import Terms
from queue_worker.transport.world import World
from shared import log, settings
from shared.address import parse_own_domain
from shared.dns.resolver import Resolver
from shared.listen import inner, notify
from shared.listen.inner import Inner
from shared.listen.run import run
from shared.policy.retry import Schedule
from shared.queue import presence, ringing, worker
from shared.queue.bell import Bell
from shared.settings import Settings
from shared.storage import dkim_keys, expiry
from shared.storage.certificates import Requests
from shared.storage.database import Database, connect
from shared.storage.expiry import Expiry
from shared.storage.outbox import Outbox
from shared.storage.push import Pushes

CHORE_SECONDS = 20.0


def main() -> None:
    """Work until told to stop; letters that are on their way are finished."""
    log.configure("queue-worker")
    chosen = settings.read()
    run(lambda stopping: _serve(chosen, stopping), chosen.workers)


async def _serve(chosen: Settings, stopping: asyncio.Event) -> None:
    database = await connect(chosen.database_url, "queue-worker", may_plan=True)
    housekeeper = _housekeeper(chosen)
    try:
        engine, chores = await _engine(chosen, database)
        pusher = _pusher(chosen, database)
        _listen(chosen, housekeeper, engine, pusher)
        tasks = [asyncio.create_task(engine.run()), asyncio.create_task(chores.run())]
        tasks.append(asyncio.create_task(presence.announce(chosen.redis_url, "queue-worker")))
        inside = Inner("queue-worker", lambda: database.is_available)
        showing = inner.serve(inside, chosen.metrics_addresses, chosen.metrics_port, has_siblings=chosen.workers > 1)
        tasks.append(asyncio.create_task(showing))
        if pusher:
            tasks.append(asyncio.create_task(pusher.run()))
        if chosen.acme_email:
            tasks.append(asyncio.create_task(_renewal(chosen, database).run()))
        await _until(stopping, tasks)
    finally:
        await asyncio.to_thread(housekeeper.stop)
        await database.close()


async def _until(stopping: asyncio.Event, tasks: list[asyncio.Task[None]]) -> None:
    """Wait for the word to stop, or for a task that fails: its error ends the process, which is started anew."""
    log.event("ready")
    notify.tell(notify.READY)
    gc.collect()
    gc.freeze()  # what exists by now stays; later collections need not walk it
    waiting = asyncio.create_task(stopping.wait())
    done, _ = await asyncio.wait({*tasks, waiting}, return_when=asyncio.FIRST_COMPLETED)
    log.event("stopping")
    notify.tell(notify.STOPPING)
    for task in (*tasks, waiting):
        task.cancel()
    await asyncio.wait({*tasks, waiting})
    for task in done - {waiting}:
        task.result()


def _listen(chosen: Settings, housekeeper: Housekeeper, engine: Engine, pusher: Pusher | None) -> None:
    loop = asyncio.get_running_loop()

    def on_loop(act: Callable[..., None], *arguments: int) -> None:
        if not loop.is_closed():
            loop.call_soon_threadsafe(act, *arguments)

    jobs.serve(
        trim=housekeeper.trim_soon,
        deliver=partial(on_loop, engine.wake),
        push=lambda _: on_loop(pusher.wake) if pusher else None,
    )
    housekeeper.start()
    worker.start(chosen.redis_url, lambda: engine.is_full)


async def _engine(chosen: Settings, database: Database) -> tuple[Engine, Chores]:
    bell = Bell(chosen.redis_url)
    outbox = Outbox(database.durable, database.lazy, chosen.quota)
    retry_seconds = chosen.retry_hours * 3600
    reporter = Reporter(parse_own_domain(chosen.hostname), retry_seconds)
    every = min(CHORE_SECONDS, chosen.sweep_seconds * 5)
    chores = Chores(outbox, reporter, bell.ring, chosen.warn_hours * 3600, retry_seconds, every)
    signers = Signers(lambda: dkim_keys.read(database.read))
    await signers.read()
    office = Office(
        outbox,
        signers,
        Schedule(chosen.retry_delays, chosen.ambiguous_seconds),
        reporter,
        bell.ring,
        may_dial=lambda: engine.may_dial(),
    )
    world = World(_terms(chosen), Resolver(chosen.dns), Policies(outbox), chores.count_tls)
    limits = Limits(chosen.destination_rate, chosen.destination_connections)
    engine = Engine(office, lambda domain, route: Courier(domain, route, world), limits, chosen.sweep_seconds)
    return engine, chores


def _terms(chosen: Settings) -> Terms:
    wildcards = {"0.0.0.0", "::"}
    return Terms(
        hostname=parse_own_domain(chosen.hostname),
        own_domains=chosen.domains,
        is_literal=chosen.domain.startswith("["),
        port_smtp=chosen.remote_port_smtp,
        port_https=chosen.remote_port_https,
        may_dial_private=chosen.dial_private,
        connect_seconds=chosen.connect_seconds,
        reply_seconds=chosen.reply_seconds,
        final_seconds=chosen.final_seconds,
        sources=tuple(address for address in chosen.addresses if address not in wildcards),
        connections=chosen.destination_connections,
    )


def _pusher(chosen: Settings, database: Database) -> Pusher | None:
    if not chosen.push_url:
        return None
    return Pusher(Pushes(database.lazy), Poster(chosen.push_url), sweep_seconds=chosen.sweep_seconds)


def _renewal(chosen: Settings, database: Database) -> Renewal:
    wishes = Wishes(
        hostname=chosen.hostname,
        domains=[chosen.domain, *chosen.local_domains],
        email=chosen.acme_email,
        directory=chosen.acme_url,
        root=chosen.acme_root,
        files=chosen.tls_folder,
    )
    return Renewal(wishes, Requests(database.durable), Resolver(chosen.dns))


def _housekeeper(chosen: Settings) -> Housekeeper:
    limits = expiry.Limits(
        days=chosen.retention_days,
        large_days=chosen.large_retention_days,
        large_size=expiry.LARGE_SIZE,
        inactive_days=chosen.inactive_days,
        quota=chosen.quota,
    )
    return Housekeeper(Expiry(chosen.database_url, limits), partial(ringing.ring, chosen.redis_url))


if __name__ == "__main__":
    main()
