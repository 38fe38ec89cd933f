"""Whether mailboxes that somebody watches have changed, for as many as ask together."""

import asyncio
from collections.abc import Sequence

from shared.storage.database import Database
from shared.storage.lane import Connection
from shared.storage.operation import Light

# Another modseq, no mailbox, or an account that was shut: all must be looked at.
ARE_CURRENT = b"""
SELECT q.ix FROM unnest(%b::bigint[], %b::bigint[]) WITH ORDINALITY q(mailbox_id, modseq, ix)
JOIN chatmail.mailbox b ON b.id = q.mailbox_id AND b.modseq = q.modseq
JOIN chatmail.account a ON a.id = b.account_id
    AND NOT EXISTS (SELECT FROM chatmail.barred x WHERE x.address = a.address)
"""


class _AreStale(Light):
    limit = 1000

    async def run(self, connection: Connection, items: Sequence[tuple[int, int]]) -> list[bool]:
        columns = [list(column) for column in zip(*items, strict=True)]
        rows = await connection.execute(ARE_CURRENT, columns, binary=True)
        current = {index for (index,) in rows}
        return [index not in current for index in range(1, len(items) + 1)]


class Watches:
    """Asks for sessions that wait, at a fraction of what a look costs."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._are_stale = _AreStale()

    def is_stale(self, mailbox_id: int, modseq: int) -> asyncio.Future[bool]:
        """Tell whether the mailbox is not as it was at this modseq; raise Unavailable, at once or when awaited."""
        return self._database.read.submit(self._are_stale, (mailbox_id, modseq))
