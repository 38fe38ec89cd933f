"""A client that keeps its copy by QRESYNC, on the memory store."""

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

import pytest
from imap.commands import select
from imap.store import Store

from tests.fakes import MemoryStore
from tests.unit.imap.resync_model import check

T = TypeVar("T")


class Memory:
    """A world in memory."""

    def __init__(self, runner: asyncio.Runner) -> None:
        self._runner = runner
        self.kept = MemoryStore()
        self.store: Store = self.kept
        self.account_id = 1
        self._inbox = self.kept.open_account(1).mailbox_id
        self.kept.make(1, "Other")

    def run(self, awaitable: Awaitable[T]) -> T:
        async def wait() -> T:
            return await awaitable

        return self._runner.run(wait())

    async def deliver(self) -> None:
        self.kept.deliver(self._inbox, b"Subject: x\r\n\r\ntext\r\n")


@pytest.mark.parametrize("tail", [2, 256])
def test_the_copy_is_the_mailbox(tail: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(select, "TAIL", tail)  # with few loaded, the others are met all the time
    with asyncio.Runner() as runner:
        check(lambda: Memory(runner), examples=60, steps=20)
