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

    async def seconds(salt: int, *, is_known: bool) -> float:
        first = known if is_known else message(*boxes, salt=("unknown", salt))
        items = [first, *(message(*boxes, salt=(is_known, salt, number)) for number in range(1, MESSAGES))]
        connection = submission.durable._connection
        assert connection
        started = time.perf_counter()
        await deliver.run(connection, items)
        return time.perf_counter() - started

    # The best of some, in turns: what else the machine does takes part in single ones.
    pairs = [(await seconds(salt, is_known=False), await seconds(salt, is_known=True)) for salt in range(3)]
    usual, with_one_known = (min(times) for times in zip(*pairs, strict=True))
    assert with_one_known < 6 * usual
