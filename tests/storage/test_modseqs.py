"""What clients keep of a mailbox and come back with (RFC 7162), on Postgres."""

import asyncio
from collections.abc import Awaitable
from itertools import count
from typing import Any, TypeVar

import psycopg
import pytest
from imap.commands import select
from imap.store import Store

from shared.mail.mailbox import Flag
from shared.storage.database import Database, connect
from shared.storage.deliveries import Deliveries
from shared.storage.lane import Connection, Lane
from shared.storage.mailboxes import Mailboxes
from shared.storage.operation import Light
from tests.storage.conftest import QUOTA, MakeAccount, message
from tests.storage.outbox_rig import born, letter, put
from tests.unit.imap.resync_model import check

Owner = psycopg.Connection[tuple[Any, ...]]
T = TypeVar("T")
_salts = count()


class Rows:
    """A world in Postgres: an account of its own."""

    def __init__(self, runner: asyncio.Runner, store: Mailboxes, owner: Owner) -> None:
        self._runner, self._owner = runner, owner
        self._person = born(owner)
        self.store: Store = store
        self.account_id = self._person.account_id
        self.run(store.create(self.account_id, "Other"))

    def run(self, awaitable: Awaitable[T]) -> T:
        async def wait() -> T:
            return await awaitable

        return self._runner.run(wait())

    async def deliver(self) -> None:
        body = b"Subject: %d\r\n\r\ntext\r\n" % (salt := next(_salts))
        put(self._owner, letter(None, here=(self._person.mailbox_id,), body=body, salt=salt))


def test_the_copy_is_the_mailbox(database_urls: dict[str, str], owner: Owner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(select, "TAIL", 2)
    with asyncio.Runner() as runner:
        database: Database = runner.run(connect(database_urls["imap"], "imap"))
        try:
            check(lambda: Rows(runner, Mailboxes(database, QUOTA), owner), examples=15, steps=15)
        finally:
            runner.run(database.close())


async def test_of_two_who_go_by_the_same_modseq_one_succeeds(
    imap: Database, deliveries: Deliveries, make_account: MakeAccount, database_urls: dict[str, str]
) -> None:
    account = await make_account()
    other = await connect(database_urls["imap"], "imap")
    stores = Mailboxes(imap, QUOTA), Mailboxes(other, QUOTA)
    try:
        await deliveries.store(message(account.mailbox_id, salt=1))
        for turn in range(30):
            (known,) = await stores[0].fetch(account.mailbox_id, [1], header=False, body=False)
            flag = Flag.SEEN if turn % 2 else Flag.DRAFT
            changes = [store.replace_flags(account.mailbox_id, [1], flag, known.modseq) for store in stores]
            changed = [marked.messages for marked in await asyncio.gather(*changes)]
            assert sorted(map(len, changed)) == [0, 1]
    finally:
        await other.close()


class _Setting(Light):
    async def run(self, connection: Connection, items: Any) -> list[str]:
        row = next(iter(await connection.execute("SELECT current_setting('synchronous_commit')")), None)
        assert row is not None
        return [str(row[0])] * len(items)


@pytest.mark.parametrize(("may_be_late", "setting"), [(True, "off"), (False, "on")])
async def test_what_clients_keep_is_written_through(
    database_urls: dict[str, str], may_be_late: bool, setting: str
) -> None:
    database = await connect(database_urls["imap"], "imap", may_be_late=may_be_late)
    lane: Lane = database.lazy
    try:
        assert await lane.submit(_Setting(), None) == setting
    finally:
        await database.close()
