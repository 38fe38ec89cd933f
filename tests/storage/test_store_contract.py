"""Postgres fulfils what IMAP asks of a store, by the same tests as the memory store."""

from itertools import count
from typing import Any

import psycopg
import pytest

from shared.storage.database import Database
from shared.storage.deliveries import Deliveries
from shared.storage.mailbox_statements import INLINE_LIMIT
from shared.storage.mailboxes import Mailboxes
from tests.storage.conftest import QUOTA, MakeAccount, message
from tests.unit.imap.folders_contract import FoldersContract
from tests.unit.imap.store_contract import Scene, StoreContract


class TestPostgres(StoreContract, FoldersContract):
    @pytest.fixture
    async def scene(
        self,
        imap: Database,
        deliveries: Deliveries,
        make_account: MakeAccount,
        owner: psycopg.Connection[tuple[Any, ...]],
    ) -> Scene:
        account = await make_account()
        store = Mailboxes(imap, QUOTA)
        salts = count()

        async def deliver(body: bytes) -> int:
            await deliveries.store(message(account.mailbox_id, body=body, salt=next(salts)))
            snapshot = await store.snapshot(account.account_id, "INBOX")
            assert snapshot is not None
            return snapshot.uids[-1]

        def limit(octets: int) -> None:
            owner.execute(b"UPDATE chatmail.account SET quota = %s WHERE id = %s", (octets, account.account_id))

        return Scene(store, account.account_id, deliver, INLINE_LIMIT, limit)
