"""A message that comes once for each recipient, as many servers send it, goes into batches like any other."""

import asyncio

from shared.storage.database import Database
from shared.storage.deliveries import Stored, _Deliver
from tests.storage.conftest import QUOTA, MakeAccount, message

RECIPIENTS = 32


async def test_the_same_octets_for_different_mailboxes_share_a_batch(
    submission: Database, make_account: MakeAccount
) -> None:
    boxes = [(await make_account()).mailbox_id for _ in range(RECIPIENTS)]
    batches: list[float] = []
    submission.durable._observe = batches.append
    deliver = _Deliver(QUOTA)
    stored = await asyncio.gather(*(submission.durable.submit(deliver, message(box)) for box in boxes))
    assert all(isinstance(one, Stored) and one.holders == 1 for one in stored)
    assert len(batches) <= 3, "one by one"
