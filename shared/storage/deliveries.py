"""Taking messages: one transaction for a batch of messages and all their recipients, here and elsewhere."""

import time
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg

from shared.address import Address
from shared.storage import aside
from shared.storage.aside import LARGE, Aside
from shared.storage.lane import Connection, Lane

ACCEPT = """
SELECT item, place, modseq, outcome, is_nearly_full, wants_push, uid
FROM chatmail.accept(
    %b::bigint[], %b::int[], %b::bytea[], %b::int[], %b::bytea[], %b,
    %b::bigint[], %b::int[], %b::text[], %b::text[], %b::text[], %b::text[]
)
"""

STORED, DUPLICATE, GONE, QUEUED = 0, 1, 2, 3
FULL = "CM001"
OVERDRAWN = "CM002"


@dataclass(frozen=True, slots=True)
class Outgoing:
    """What leaves for other servers: `sender` is the envelope's ("" for a report), `domain` whose key signs it."""

    sender: str
    recipients: tuple[Address, ...]
    domain: str


@dataclass(frozen=True, slots=True)
class Incoming:
    """A message on its way in: `header_size` octets of `body` are header; `digest` names it for deduplication.

    `origin` is the mailbox of the user who sent it: no device is told of one's own mail, and reports go there.
    """

    mailbox_ids: tuple[int, ...]
    body: bytes
    header_size: int
    digest: bytes
    origin: int | None = None
    outgoing: Outgoing | None = None


@dataclass(frozen=True, slots=True)
class Stored:
    """Where a message went, as (mailbox id, modseq, uid, ms since 1970), and the mailboxes over 75 % of their quota.

    `holders` counts the mailboxes that have it, now or from before; `destinations` are the ids it waits for.
    """

    arrivals: tuple[tuple[int, int, int, int], ...]
    nearly_full: tuple[int, ...]
    holders: int
    destinations: tuple[int, ...] = ()
    wants_push: bool = False


@dataclass(frozen=True, slots=True)
class Full:
    """One of the mailboxes has no room: nothing was stored anywhere."""


@dataclass(frozen=True, slots=True)
class Overdrawn:
    """Too much of the sender's mail waits for other servers: nothing was stored anywhere."""


Outcome = Stored | Full | Overdrawn
_REFUSALS: dict[str | None, Full | Overdrawn] = {FULL: Full(), OVERDRAWN: Overdrawn()}


class _Deliver:
    limit = 64

    def __init__(self, quota: int) -> None:
        self._quota = quota

    def key(self, item: Incoming, /) -> Hashable:
        # The receipts of a batch are not looked up within it. Sets that only overlap fail together, and go one by one.
        return item.digest, item.mailbox_ids

    def weight(self, item: Incoming, /) -> int:
        return len(item.body)

    async def run(self, connection: Connection, items: Sequence[Incoming]) -> list[Outcome]:
        at = _now()
        try:
            rows = await connection.execute(ACCEPT, self.parameters(items), binary=True)
        except psycopg.Error as error:
            if error.sqlstate in _REFUSALS and len(items) == 1:
                return [_REFUSALS[error.sqlstate]]
            raise
        return self.answers(items, rows, at)

    def parameters(self, items: Sequence[Incoming]) -> tuple[Any, ...]:
        pairs = [(box, index) for index, item in enumerate(items, 1) for box in dict.fromkeys(item.mailbox_ids)]
        leaving = [
            (index, recipient)
            for index, item in enumerate(items, 1)
            if item.outgoing
            for recipient in item.outgoing.recipients
        ]
        return (
            [mailbox_id for mailbox_id, _ in pairs],
            [index for _, index in pairs],
            [item.body for item in items],
            [item.header_size for item in items],
            [item.digest for item in items],
            self._quota,
            [item.origin for item in items],
            [index for index, _ in leaving],
            [str(recipient) for _, recipient in leaving],
            [recipient.domain for _, recipient in leaving],
            [item.outgoing.sender if item.outgoing else None for item in items],
            [item.outgoing.domain if item.outgoing else None for item in items],
        )

    @staticmethod
    def answers(items: Sequence[Incoming], rows: Sequence[tuple[Any, ...]], at: int) -> list[Outcome]:
        by_item: list[list[tuple[Any, ...]]] = [[] for _ in items]
        for item, *rest in rows:
            by_item[item - 1].append(tuple(rest))
        return [
            Stored(
                arrivals=tuple((box, modseq, uid, at) for box, modseq, outcome, *_, uid in held if outcome == STORED),
                nearly_full=tuple(mailbox for mailbox, _, _, is_nearly_full, *_ in held if is_nearly_full),
                holders=sum(outcome in (STORED, DUPLICATE) for _, _, outcome, *_ in held),
                destinations=tuple(place for place, _, outcome, *_ in held if outcome == QUEUED),
                wants_push=any(wants_push for *_, wants_push, _ in held),
            )
            for held in by_item
        ]


class Deliveries:
    """Stores messages, small ones together, large ones on threads with connections of their own."""

    def __init__(self, lane: Lane, url: str, quota: int) -> None:
        self._lane = lane
        self._deliver = _Deliver(quota)
        self._aside = Aside(lane, url)

    async def store(self, incoming: Incoming) -> Outcome:
        """Store one message for all its recipients; on return it is durable. Raises Unavailable or NoSpace."""
        if len(incoming.body) <= LARGE:
            return await self._lane.submit(self._deliver, incoming)
        return await self._aside.run(lambda connection: self._store_large(connection, incoming))

    def close(self) -> None:
        self._aside.close()

    def _store_large(self, connection: aside.Connection, incoming: Incoming) -> Outcome:
        at = _now()
        try:
            rows = connection.execute(ACCEPT, self._deliver.parameters([incoming]), binary=True).fetchall()
        except psycopg.Error as error:
            if error.sqlstate in _REFUSALS:
                return _REFUSALS[error.sqlstate]
            raise
        return self._deliver.answers([incoming], rows, at)[0]


def _now() -> int:
    return int(time.time() * 1000)
