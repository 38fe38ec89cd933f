"""A mailbox of 100 000 messages costs what one of 100 costs: opening it, reading, marking and expunging the newest.

What Postgres does is counted in blocks looked at, what we do in seconds of CPU; both are compared with the small
mailbox's in the same run, each command often enough that its statement has the plan it will keep.
"""

import asyncio
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg
import pytest
from imap.session import Session
from imap.state import Conversation, House, State
from imap.store import Account

from shared.storage.database import Database, connect
from shared.storage.lane import Connection, Lane
from shared.storage.mailboxes import Mailboxes
from shared.storage.operation import Light
from tests.storage.conftest import QUOTA, one
from tests.storage.outbox_rig import born

Owner = psycopg.Connection[tuple[Any, ...]]
SMALL, BIG = 100, 100_000
TIMES = 8  # after five, Postgres may choose another plan for a prepared statement
BOUND = 3.0
BLOCKS = """
SELECT sum(heap_blks_hit + heap_blks_read + idx_blks_hit + idx_blks_read)::bigint FROM pg_statio_user_tables
WHERE schemaname = 'chatmail'
"""
FILL = """
WITH stored AS (
    INSERT INTO chatmail.body (header_size, data)
        SELECT 14, E'Subject: x\\r\\n\\r\\n\\r\\n'::bytea FROM generate_series(1, %(count)s) RETURNING id
), numbered AS (SELECT id, row_number() OVER (ORDER BY id) AS uid FROM stored),
counted AS (
    UPDATE chatmail.mailbox SET uidnext = %(count)s + 1, messages = %(count)s, bytes = %(count)s * 16, modseq = 2
        WHERE id = %(mailbox)s
)
INSERT INTO chatmail.message (mailbox_id, uid, body_id, modseq, size, is_shared)
    SELECT %(mailbox)s, uid, id, 2, 16, false FROM numbered ORDER BY uid
"""


class _Flush(Light):
    """Let a lane's backend report what it has done."""

    async def run(self, connection: Connection, items: Sequence[None]) -> list[None]:
        await connection.execute(b"SELECT pg_stat_force_next_flush()")
        return [None] * len(items)


class _Deaf:
    """An output nobody reads."""

    def __init__(self) -> None:
        self.said = b""

    def write(self, data: bytes) -> None:
        self.said += data

    async def drain(self) -> None:
        await asyncio.sleep(0)


@dataclass
class Bench:
    runner: asyncio.Runner
    database: Database
    owner: Owner
    flush: _Flush

    def blocks(self) -> int:
        for lane in (self.database.read, self.database.lazy):
            self.runner.run(_submitted(lane, self.flush))
        return int(one(self.owner, BLOCKS))


async def _submitted(lane: Lane, flush: _Flush) -> None:
    await lane.submit(flush, None)


@pytest.fixture(scope="module")
def bench(database_urls: dict[str, str]) -> Iterator[Bench]:
    with psycopg.connect(database_urls["postgres"], autocommit=True) as owner, asyncio.Runner() as runner:
        database = runner.run(connect(database_urls["imap"], "imap"))
        yield Bench(runner, database, owner, _Flush())
        runner.run(database.close())


@dataclass
class Cost:
    blocks: int
    cpu: float  # seconds


class User:
    """A client of one mailbox, and what its commands cost."""

    def __init__(self, bench: Bench, count: int) -> None:
        self._bench = bench
        person = born(bench.owner)
        bench.owner.execute(FILL.encode(), {"count": count, "mailbox": person.mailbox_id})
        self._said = _Deaf()
        talk = Conversation(Mailboxes(bench.database, QUOTA), None, self._said, House(), is_tls=True)  # type: ignore[arg-type]
        talk.account, talk.state = Account(person.account_id, "someone@example.org"), State.AUTHENTICATED
        self._session = Session(talk, _fail)

    def say(self, command: bytes) -> bytes:
        self._bench.runner.run(self._session.handle(b"x " + command + b"\r\n"))
        said, self._said.said = self._said.said, b""
        assert b"x OK" in said, said
        return said

    def cost(self, command: bytes, prepare: bytes = b"") -> Cost:
        """Return the blocks of all times and the least CPU of one, each after `prepare`."""
        blocks, cpu = 0, []
        for _ in range(TIMES):
            if prepare:
                self.say(prepare)
            before = self._bench.blocks()
            started = time.thread_time()
            self.say(command)
            cpu.append(time.thread_time() - started)
            blocks += self._bench.blocks() - before
        return Cost(blocks, min(cpu))


def _fail(name: str, error: BaseException) -> None:
    raise AssertionError(name) from error


@pytest.fixture(scope="module")
def users(bench: Bench) -> tuple[User, User]:
    for table in ("message", "body", "mailbox", "mailbox_change"):  # whose cleaning would be counted, too
        bench.owner.execute(f"ALTER TABLE chatmail.{table} SET (autovacuum_enabled = off)".encode())
    found = User(bench, SMALL), User(bench, BIG)
    bench.owner.execute(b"VACUUM (ANALYZE) chatmail.message, chatmail.body, chatmail.mailbox")
    bench.owner.execute(b"SELECT pg_stat_force_next_flush()")
    return found


@pytest.mark.parametrize(
    ("command", "prepare"),
    [
        pytest.param(b"SELECT INBOX", b"", id="select"),
        pytest.param(b"NOOP", b"", id="noop"),
        pytest.param(b"FETCH * (UID FLAGS BODY.PEEK[])", b"", id="fetch"),
        pytest.param(b"FETCH * (UID BODY[])", b"STORE * -FLAGS (\\Seen)", id="fetch-sets-seen"),
        pytest.param(b"STORE * +FLAGS (\\Seen)", b"STORE * -FLAGS (\\Seen)", id="store"),
        pytest.param(b"EXPUNGE", b"STORE * +FLAGS (\\Deleted)", id="expunge"),
        pytest.param(b"UID EXPUNGE 1:*", b"STORE * +FLAGS (\\Deleted)", id="uid-expunge"),
        pytest.param(b"CLOSE", b"", id="close"),
    ],
)
def test_a_big_mailbox_costs_what_a_small_one_costs(users: tuple[User, User], command: bytes, prepare: bytes) -> None:
    for user in users:
        user.say(b"SELECT INBOX")
    if command == b"CLOSE":
        prepare = b"SELECT INBOX"
    small, big = (user.cost(command, prepare) for user in users)
    assert big.blocks <= BOUND * small.blocks + 2 * TIMES, "blocks that Postgres looked at"
    assert big.cpu <= BOUND * small.cpu, "seconds of CPU"


def test_what_names_the_oldest_is_right(users: tuple[User, User]) -> None:
    user = users[1]
    user.say(b"SELECT INBOX")
    assert b"* 1 FETCH (UID 1 FLAGS ())" in user.say(b"FETCH 1 (UID FLAGS)")
