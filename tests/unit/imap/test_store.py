"""The memory stores keep the contracts that the real ones keep."""

import pytest

from tests.fakes import MemoryStore, MemoryTokens
from tests.unit.imap.folders_contract import FoldersContract
from tests.unit.imap.store_contract import Scene, StoreContract
from tests.unit.imap.tokens_contract import TokensContract


class TestMemoryStore(StoreContract, FoldersContract):
    @pytest.fixture
    def scene(self) -> Scene:
        store = MemoryStore()
        box = store.open_account(1)

        async def deliver(body: bytes) -> int:
            return store.deliver(box.mailbox_id, body)

        def limit(octets: int) -> None:
            store.quota_limit = octets

        return Scene(store, 1, deliver, store.inline_limit, limit)


class TestMemoryTokens(TokensContract):
    @pytest.fixture
    def tokens(self) -> MemoryTokens:
        return MemoryTokens()

    @pytest.fixture
    def account_id(self) -> int:
        return 1
