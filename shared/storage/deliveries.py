"""Storing messages: one transaction for a batch of messages and all their recipients."""

import asyncio
from collections.abc import Hashable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import psycopg

from shared.storage.errors import Unavailable
from shared.storage.lane import PATIENCE, Connection, Lane, translate

DELIVER = """
SELECT item, mailbox_id, modseq, outcome, is_nearly_full
FROM chatmail.deliver(%b::bigint[], %b::int[], %b::bytea[], %b::int[], %b::bytea[], %b)
"""

# Above this, building the statement alone would hold up the event loop (measured: 3 ms a megabyte).
LARGE = 256 * 1024
MAX_LARGE_AT_ONCE = 2
MAX_LARGE_WAITING = 8

STORED, DUPLICATE, GONE = 0, 1, 2
FULL = "CM001"


@dataclass(frozen=True, slots=True)
class Incoming:
    """A message on its way in: `header_size` octets of `body` are header; `digest` names it for deduplication."""

    mailbox_ids: tuple[int, ...]
    body: bytes
    header_size: int
    digest: bytes


@dataclass(frozen=True, slots=True)
class Stored:
    """Where a message went: (mailbox id, modseq) to ring for, and the mailboxes over 75 % of their quota.

    `holders` counts the mailboxes that have it, now or from before.
    """

    rung: tuple[tuple[int, int], ...]
    nearly_full: tuple[int, ...]
    holders: int


@dataclass(frozen=True, slots=True)
class Full:
    """One of the mailboxes has no room: nothing was stored anywhere."""


class _Deliver:
    limit = 64

    def __init__(self, quota: int) -> None:
        self._quota = quota

    def key(self, item: Incoming, /) -> Hashable:
        return None

    def weight(self, item: Incoming, /) -> int:
        return len(item.body)

    async def run(self, connection: Connection, items: Sequence[Incoming]) -> list[Stored | Full]:
        try:
            cursor = await connection.execute(DELIVER, self.parameters(items), binary=True)
        except psycopg.Error as error:
            if error.sqlstate == FULL and len(items) == 1:
                return [Full()]
            raise
        return self.answers(items, await cursor.fetchall())

    def parameters(self, items: Sequence[Incoming]) -> tuple[Any, ...]:
        pairs = [(mailbox_id, index) for index, item in enumerate(items, 1) for mailbox_id in item.mailbox_ids]
        return (
            [mailbox_id for mailbox_id, _ in pairs],
            [index for _, index in pairs],
            [item.body for item in items],
            [item.header_size for item in items],
            [item.digest for item in items],
            self._quota,
        )

    @staticmethod
    def answers(items: Sequence[Incoming], rows: Sequence[tuple[Any, ...]]) -> list[Stored | Full]:
        by_item: list[list[tuple[Any, ...]]] = [[] for _ in items]
        for item, *rest in rows:
            by_item[item - 1].append(tuple(rest))
        return [
            Stored(
                rung=tuple((mailbox, modseq) for mailbox, modseq, outcome, _ in held if outcome == STORED),
                nearly_full=tuple(mailbox for mailbox, _, _, is_nearly_full in held if is_nearly_full),
                holders=sum(outcome != GONE for _, _, outcome, _ in held),
            )
            for held in by_item
        ]


class Deliveries:
    """Stores messages, small ones together, large ones on threads with connections of their own."""

    def __init__(self, lane: Lane, url: str, quota: int) -> None:
        self._lane = lane
        self._url = url
        self._deliver = _Deliver(quota)
        self._pool = ThreadPoolExecutor(MAX_LARGE_AT_ONCE, thread_name_prefix="large")
        self._large = 0

    async def store(self, incoming: Incoming) -> Stored | Full:
        """Store one message for all its mailboxes; on return it is durable. Raises Unavailable or NoSpace."""
        if len(incoming.body) <= LARGE:
            return await self._lane.submit(self._deliver, incoming)
        if not self._lane.is_connected or self._large >= MAX_LARGE_WAITING:
            raise Unavailable
        self._large += 1
        storing = asyncio.get_running_loop().run_in_executor(self._pool, self._store_large, incoming)
        storing.add_done_callback(self._stored_large)
        return await asyncio.shield(storing)

    def _stored_large(self, storing: "asyncio.Future[Stored | Full]") -> None:
        self._large -= 1
        if not storing.cancelled():
            storing.exception()  # seen, also when nobody waits for it any more

    def close(self) -> None:
        self._pool.shutdown(wait=False)

    def _store_large(self, incoming: Incoming) -> Stored | Full:
        options = "-c statement_timeout=20s -c lock_timeout=5s -c synchronous_commit=on"
        try:
            with psycopg.connect(self._url, autocommit=True, options=options, **PATIENCE) as connection:
                rows = connection.execute(DELIVER, self._deliver.parameters([incoming]), binary=True).fetchall()
        except psycopg.Error as error:
            if error.sqlstate == FULL:
                return Full()
            raise translate(error) from error
        return self._deliver.answers([incoming], rows)[0]
