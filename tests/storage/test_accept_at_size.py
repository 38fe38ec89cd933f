"""A batch to many mailboxes, of which one has a message already, costs about what one without costs, not the square."""

import time

from shared.storage.database import Database
from shared.storage.deliveries import _Deliver
from tests.storage.conftest import MakeAccount, message

MESSAGES, RECIPIENTS = 64, 100


async def test_one_duplicate_does_not_multiply_the_cost_of_a_batch(
    submission: Database, make_account: MakeAccount
) -> None:
    boxes = [(await make_account()).mailbox_id for _ in range(RECIPIENTS)]
    deliver = _Deliver(10**9)
    known = message(*boxes, salt="known")
    await submission.durable.submit(deliver, known)

    async def seconds(*, is_known: bool) -> float:
        first = known if is_known else message(*boxes, salt="unknown")
        items = [first, *(message(*boxes, salt=(is_known, number)) for number in range(1, MESSAGES))]
        connection = submission.durable._connection
        assert connection
        started = time.perf_counter()
        await deliver.run(connection, items)
        return time.perf_counter() - started

    usual = await seconds(is_known=False)
    assert await seconds(is_known=True) < 6 * usual
