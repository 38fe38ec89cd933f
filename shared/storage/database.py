"""A service's connections to Postgres.

Strategy: a service has two lanes. What was promised to somebody (mail, accounts) goes through `durable`, which
commits with synchronous_commit=on; flags, deletions and last logins go through `lazy`, whose last moments may be
lost in a crash: a lost deletion comes back, a lost message does not (design §4.1). Reads go where they disturb less.
"""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

from shared import log
from shared.metrics import catalog
from shared.storage.errors import NotDurable, Unavailable
from shared.storage.lane import Connection, Lane

# Under Delta Chat's 60 s of patience, so that our 4xx comes before its hang-up.
_LIMITS = "-c statement_timeout=15s -c idle_in_transaction_session_timeout=30s -c jit=off"
# A delivery waits but shortly for a mailbox that somebody is busy with: everybody's mail waits behind it.
_DELIVERS = "-c lock_timeout=300ms -c synchronous_commit=on"
# A statement over a batch is planned once, as it is written: joins from left to right, each row by its index. Left to
# itself, Postgres plans short batches anew each time (half of what such a statement costs), and keeps a plan made while
# the tables were empty, which reads the whole of them when they are not.
_AS_WRITTEN = (
    "-c plan_cache_mode=force_generic_plan -c join_collapse_limit=1 -c enable_seqscan=off -c enable_bitmapscan=off "
    "-c enable_hashjoin=off -c enable_mergejoin=off"
)
_IS_PATIENT = "-c lock_timeout=5s"
_MAY_BE_LATE = f"{_IS_PATIENT} -c synchronous_commit=off"
WAIT_SECONDS = 0.1
PATIENT_ATTEMPTS = 50  # after which it is worth a word
_NEEDED = frozenset(path.name for path in (Path(__file__).parent / "migrations").glob("*.sql"))
_MUST_BE_ON = ("fsync", "full_page_writes", "synchronous_commit")


class Database:
    """The lanes of one process, opened and closed together."""

    def __init__(self, durable: Lane, lazy: Lane, read: Lane) -> None:
        self.durable = durable
        self.lazy = lazy
        self.read = read

    @property
    def is_available(self) -> bool:
        return self.durable.is_connected and self.lazy.is_connected and self.read.is_connected

    async def close(self) -> None:
        """Close every lane; what waits is told Unavailable."""
        for lane in {self.durable, self.lazy, self.read}:
            await lane.close()


async def connect(url: str, service: str, *, may_be_late: bool = True, may_plan: bool = False) -> Database:
    """Open the lanes of a service, waiting for Postgres and the schema of its version as long as it takes.

    `may_be_late`: what goes through `lazy` may be; else it, too, is durable when it returns. `may_plan`: Postgres makes
    its own plans, for statements that look at whole tables. Raise NotDurable where the server could lose mail it took.
    """
    limits = _LIMITS if may_plan else f"{_LIMITS} {_AS_WRITTEN}"
    durable = Lane(url, name=f"{service}-durable", options=f"{limits} {_DELIVERS}", observe=catalog.COMMITS.observe)
    late = _MAY_BE_LATE if may_be_late else f"{_IS_PATIENT} -c synchronous_commit=on"
    lazy = Lane(url, name=f"{service}-lazy", options=f"{limits} {late}")
    read = Lane(url, name=f"{service}-read", options=f"{limits} {_MAY_BE_LATE}")
    await _open(durable, _assert_usable)
    await _open(lazy)
    await _open(read)
    return Database(durable, lazy, read)


async def _open(lane: Lane, ask: Callable[[Connection], Awaitable[None]] | None = None) -> None:
    # Services start in any order: whoever is here before Postgres, or before the migration, waits for it.
    attempts = 0
    while True:
        try:
            return await lane.open(ask)
        except Unavailable:
            if attempts == PATIENT_ATTEMPTS:
                log.event("waiting-for-postgres")
            attempts += 1
            await asyncio.sleep(WAIT_SECONDS)


async def _assert_usable(connection: Connection) -> None:
    # A new version may be here before its migration, which waits for a backup that is being taken.
    seen = await connection.execute("SELECT name FROM chatmail.migration")
    if not _NEEDED.issubset(name for (name,) in seen):
        raise Unavailable
    for name in _MUST_BE_ON:
        row = next(iter(await connection.execute("SELECT current_setting(%s)", (name,))), None)
        if row is None or row[0] != "on":
            raise NotDurable(f"Postgres runs with {name} off: mail that was accepted could be lost")
