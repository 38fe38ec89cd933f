"""What storing sixteen messages at once costs us beside Postgres, measured against plain Python in the same process."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from itertools import count

import pytest

from shared.storage.accounts import Account
from shared.storage.deliveries import Deliveries, Stored
from tests.calibration import TRIES, cost, loop
from tests.storage.conftest import message

BATCH = 16
ROUNDS = 25
BODY = b"Subject: x\r\n\r\n" + b"A" * 8000


async def least(work: Callable[[], Awaitable[object]]) -> float:
    """Return the least CPU time of our own process, in nanoseconds a message."""
    found = float("inf")
    for _ in range(ROUNDS):
        before = time.process_time_ns()
        await work()
        found = min(found, time.process_time_ns() - before)
    return found / BATCH


async def test_deliver(deliveries: Deliveries, make_account: Callable[[], Awaitable[Account]]) -> None:
    accounts = [await make_account() for _ in range(BATCH)]
    salts = count()

    def store(account: Account) -> Awaitable[object]:
        return deliveries.store(message(account.mailbox_id, body=BODY, salt=next(salts)))

    async def together() -> None:
        outcomes = await asyncio.gather(*map(store, accounts))
        assert all(isinstance(one, Stored) for one in outcomes)

    async def one_by_one() -> None:
        for account in accounts:
            await store(account)

    for _ in range(TRIES):
        taken, alone = await least(together), await least(one_by_one)
        # Measured: 0.08 to 0.21; a statement a message 0.47 to 0.85.
        if taken < cost(loop, 60) * 0.35 and taken < alone / 2:
            return
    pytest.fail(f"{taken} of {alone}")
