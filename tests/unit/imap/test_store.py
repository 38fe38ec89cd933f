"""The memory store keeps the contract that the real one keeps."""

import pytest

from tests.fakes import MemoryStore
from tests.unit.imap.store_contract import Scene, StoreContract


class TestMemoryStore(StoreContract):
    @pytest.fixture
    def scene(self) -> Scene:
        store = MemoryStore()
        box = store.open_account(1)

        async def deliver(body: bytes) -> int:
            return store.deliver(box.mailbox_id, body)

        return Scene(store, 1, deliver, store.inline_limit)
