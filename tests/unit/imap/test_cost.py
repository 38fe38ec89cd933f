"""What IMAP's part of a message's way costs, measured against plain Python in the same process.

IDLE, the news, DONE, UID FETCH of 8 KB, UID STORE, UID EXPUNGE, on a store in memory: a parser in Python that looks at
every octet of what it is asked and answers would cost three times the bound.
"""

import asyncio

from tests.calibration import TRIES, cost, loop
from tests.unit.imap.table import Table

BODY = b"From: <ann@here.test>\r\n\r\n" + (b"A" * 64 + b"\r\n") * 120
TIMES = 20  # in one go


async def cycle(table: Table) -> None:
    for _ in range(TIMES):
        uid = table.box.uidnext
        await table.say("a IDLE")
        table.store.deliver(table.box.mailbox_id, BODY)
        table.talk.heard = table.box.modseq
        await table.session.look()
        await table.say("DONE")
        assert BODY in await table.say(f"b UID FETCH {uid}:* (FLAGS BODY.PEEK[])")
        await table.say(rf"c UID STORE {uid} +FLAGS (\Deleted)")
        assert b"EXPUNGE" in await table.say(f"d UID EXPUNGE {uid}")


def test_cycle() -> None:
    with asyncio.Runner() as runner:
        table = Table()
        runner.run(table.open())
        # Measured: 0.21.
        tries = (cost(lambda: runner.run(cycle(table)), 30) < cost(loop, 60) * TIMES * 0.45 for _ in range(TRIES))
        assert any(tries)
