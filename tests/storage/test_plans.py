"""What the statements of a message's way ask of Postgres: each is planned once, and looks at few relations and blocks.

They are prepared while the tables are empty, as on a new server, and measured when there is much in them: a plan that
fitted the first moment, and reads a table from end to end, would show.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import psycopg
import pytest

from shared.address import parse
from shared.storage.database import Database, connect
from shared.storage.deliveries import Deliveries
from shared.storage.lane import Connection, Lane
from shared.storage.mailboxes import Mailboxes
from shared.storage.operation import Light
from shared.storage.recipients import Recipients
from tests.storage.conftest import QUOTA, message, one

BATCH = 16
DELETED = 8
BODY = b"Subject: x\r\n\r\n" + b"A" * 8200  # just too long for a page, which costs the most beside its length
BLOCKS = """
SELECT sum(heap_blks_hit + heap_blks_read + idx_blks_hit + idx_blks_read)::bigint FROM pg_statio_user_tables
WHERE schemaname = 'chatmail'
"""
# Nobody else looks at blocks meanwhile, and nothing but time passes between planning and measuring.
ALONE = """
DO $$ DECLARE t regclass; BEGIN
    FOR t IN SELECT oid FROM pg_class WHERE relnamespace = 'chatmail'::regnamespace AND relkind = 'r' LOOP
        EXECUTE format('ALTER TABLE %s SET (autovacuum_enabled = off)', t);
    END LOOP;
END $$
"""
# Up to 16 locks of a transaction are no shared memory's business (Postgres before 18).
RELATIONS = b"""
SELECT count(DISTINCT l.relation) FROM pg_locks l JOIN pg_class c ON c.oid = l.relation
WHERE l.pid = pg_backend_pid() AND c.relnamespace IN ('chatmail'::regnamespace, 'pg_toast'::regnamespace)
"""
FILL = """
WITH people AS (
    INSERT INTO chatmail.account (address, password_hash)
        SELECT 'other' || n || '@example.org', 'hash' FROM generate_series(1, 20000) n RETURNING id
), boxes AS (INSERT INTO chatmail.mailbox (account_id, name, uidnext) SELECT id, 'INBOX', 2 FROM people RETURNING id),
changes AS (INSERT INTO chatmail.mailbox_change SELECT id, 2, false, '{1}' FROM boxes),
receipts AS (INSERT INTO chatmail.receipt SELECT id, sha256(int8send(id)) FROM boxes)
INSERT INTO chatmail.message (mailbox_id, uid, body_id, modseq, size, is_shared)
    SELECT id, 1, -id, 2, 16, false FROM boxes
"""
# Blocks a message, in batches of sixteen. Measured: two thirds, or less; as Postgres plans by itself 46 321 for "find".
BOUNDS = {"find": 16, "deliver": 40, "look": 30, "fetch": 10, "mark": 36, "deleted": 12, "expunge": 30}


@dataclass
class Cost:
    blocks: float = 0.0  # looked at, a message
    relations: int = 0  # locked
    replanned: list[str] = field(default_factory=list)


class _Ask(Light):
    """Ask one thing through a lane, on its own connection."""

    def __init__(self, statement: bytes) -> None:
        self._statement = statement

    async def run(self, connection: Connection, items: Sequence[None]) -> list[Any]:
        rows = await connection.execute(self._statement)
        return [rows] * len(items)


_BEGIN, _COMMIT, _FLUSH = _Ask(b"BEGIN"), _Ask(b"COMMIT"), _Ask(b"SELECT pg_stat_force_next_flush()")
_LOCKED = _Ask(RELATIONS)
_REPLANNED = _Ask(b"SELECT statement FROM pg_prepared_statements WHERE custom_plans > 0")


class Cycle:
    """Sixteen users who each get a message and remove it, all together."""

    def __init__(self, submission: Database, imap: Database, deliveries: Deliveries, boxes: Sequence[int]) -> None:
        self._recipients = Recipients(submission.read, QUOTA)
        self._deliveries, self._mailboxes = deliveries, Mailboxes(imap, QUOTA)
        self._state = dict.fromkeys(boxes, (1, 1))  # modseq and UIDNEXT seen
        self._salt = 0
        # In the order of life; with the lane that each goes through.
        self.steps: dict[str, tuple[Lane, Callable[[int], Awaitable[Any]]]] = {
            "find": (submission.read, lambda box: self._recipients.find([parse(f"person{box}@example.org")])),
            "deliver": (submission.durable, self._deliver),
            "look": (imap.read, self._look),
            "fetch": (imap.read, lambda box: self._mailboxes.fetch(box, [self._newest(box)], header=True, body=True)),
            "mark": (imap.lazy, lambda box: self._mailboxes.add_flags(box, [self._newest(box)], DELETED)),
            "deleted": (imap.read, lambda box: self._mailboxes.deleted(box, self._newest(box) + 1)),
            "expunge": (imap.lazy, lambda box: self._mailboxes.expunge(box, [self._newest(box)])),
        }

    async def step(self, name: str) -> None:
        step = self.steps[name][1]
        answers = await asyncio.gather(*(step(box) for box in self._state))
        assert all(answers), name

    def _newest(self, box: int) -> int:
        return self._state[box][1] - 1

    async def _deliver(self, box: int) -> object:
        self._salt += 1
        return await self._deliveries.store(message(box, body=BODY, salt=self._salt))

    async def _look(self, box: int) -> object:
        found = await self._mailboxes.changes(box, *self._state[box])
        assert found
        assert len(found.arrived) == 1
        self._state[box] = (found.modseq, found.uidnext)
        return found


@pytest.fixture(scope="module")
def costs(database_urls: dict[str, str]) -> Iterator[dict[str, Cost]]:
    with psycopg.connect(database_urls["postgres"], autocommit=True) as owner, asyncio.Runner() as runner:
        yield runner.run(_measure(database_urls, owner))


async def _measure(urls: dict[str, str], owner: psycopg.Connection[tuple[Any, ...]]) -> dict[str, Cost]:
    owner.execute(ALONE.encode())
    submission = await connect(urls["submission"], "submission")
    imap = await connect(urls["imap"], "imap")
    deliveries = Deliveries(submission.durable, urls["submission"], QUOTA)
    boxes = [_born(owner, number) for number in range(1, BATCH + 1)]
    cycle = Cycle(submission, imap, deliveries, boxes)
    for _ in range(8):  # after five runs Postgres may choose another plan
        for name in cycle.steps:
            await cycle.step(name)
    owner.execute(FILL.encode())
    found = {name: Cost() for name in cycle.steps}
    for name, (lane, _) in cycle.steps.items():
        before = await _blocks(lane, owner)
        await cycle.step(name)
        found[name].blocks = (await _blocks(lane, owner) - before) / BATCH
    for name, (lane, _) in cycle.steps.items():
        await lane.submit(_BEGIN, None)
        await cycle.step(name)
        found[name].relations = (await lane.submit(_LOCKED, None))[0][0]
        await lane.submit(_COMMIT, None)
        found[name].replanned = await lane.submit(_REPLANNED, None)
    deliveries.close()
    await submission.close()
    await imap.close()
    return found


def _born(owner: psycopg.Connection[tuple[Any, ...]], number: int) -> int:
    assert one(owner, "SELECT chatmail.make_account(%s, 'hash')", f"person{number}@example.org")
    box = int(one(owner, "SELECT max(id) FROM chatmail.mailbox"))
    assert box == number  # a new database: its number is its name
    return box


async def _blocks(lane: Lane, owner: psycopg.Connection[tuple[Any, ...]]) -> int:
    await lane.submit(_FLUSH, None)
    return int(one(owner, BLOCKS))


@pytest.mark.parametrize("name", BOUNDS)
def test_blocks(costs: dict[str, Cost], name: str) -> None:
    assert 0 < costs[name].blocks <= BOUNDS[name]


@pytest.mark.parametrize("name", BOUNDS)
def test_relations(costs: dict[str, Cost], name: str) -> None:
    assert 0 < costs[name].relations <= 16


@pytest.mark.parametrize("name", BOUNDS)
def test_planned_once(costs: dict[str, Cost], name: str) -> None:
    assert costs[name].replanned == []
