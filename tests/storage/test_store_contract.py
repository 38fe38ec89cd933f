"""Postgres fulfils what IMAP asks of a store, by the same tests as the memory store."""

from itertools import count

import pytest

from shared.storage.database import Database
from shared.storage.deliveries import Deliveries
from shared.storage.mailbox_statements import INLINE_LIMIT
from shared.storage.mailboxes import Mailboxes
from tests.storage.conftest import QUOTA, MakeAccount, message
from tests.unit.imap.store_contract import Scene, StoreContract


class TestPostgres(StoreContract):
    @pytest.fixture
    async def scene(self, imap: Database, deliveries: Deliveries, make_account: MakeAccount) -> Scene:
        account = await make_account()
        store = Mailboxes(imap, QUOTA)
        salts = count()

        async def deliver(body: bytes) -> int:
            await deliveries.store(message(account.mailbox_id, body=body, salt=next(salts)))
            snapshot = await store.snapshot(account.account_id, "INBOX")
            assert snapshot is not None
            return snapshot.uids[-1]

        return Scene(store, account.account_id, deliver, INLINE_LIMIT)
