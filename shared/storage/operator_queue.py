"""What waits for other servers, as the operator sees it: who to and since when, never what.

Strategy: dropping goes in batches of messages, each in one transaction: lock what nobody is trying, make the reports,
remove and report together. So a message is never both dropped and delivered, and a report never tells of a recipient
that a worker took meanwhile.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from shared.storage.operator_connection import OperatorConnection

BATCH = 500  # messages

TOTALS = """
SELECT count(*), coalesce(extract(epoch FROM now() - min(m.accepted)) / 60, 0)::bigint,
    count(*) FILTER (WHERE o.is_poison)
FROM chatmail.outbox o JOIN chatmail.outbox_message m ON m.id = o.message_id
"""
LIST_DESTINATIONS = """
SELECT d.domain, count(*), count(*) FILTER (WHERE chatmail.is_under_way(o.worker)), count(*) FILTER (WHERE o.is_poison),
    (extract(epoch FROM now() - min(m.accepted)) / 60)::bigint, d.failures,
    greatest(min(o.next_at) FILTER (WHERE NOT o.is_poison), d.retry_at)
FROM chatmail.destination d
JOIN chatmail.outbox o ON o.destination_id = d.id
JOIN chatmail.outbox_message m ON m.id = o.message_id
GROUP BY d.id ORDER BY min(m.accepted), d.domain
"""
LIST_MESSAGES = """
SELECT m.id, m.accepted, m.size, m.sender, count(*), count(*) FILTER (WHERE o.is_poison),
    min(o.next_at) FILTER (WHERE NOT o.is_poison)
FROM chatmail.outbox_message m
JOIN chatmail.outbox o ON o.message_id = m.id
JOIN chatmail.destination d ON d.id = o.destination_id
WHERE d.domain = %s GROUP BY m.id, m.accepted, m.size, m.sender ORDER BY m.accepted, m.id
"""
SHOW_MESSAGE = "SELECT id, accepted, size, sender, is_warned FROM chatmail.outbox_message WHERE id = %s"
SHOW_RECIPIENTS = """
SELECT o.recipient, d.domain,
    CASE WHEN o.is_poison THEN 'poison' WHEN chatmail.is_under_way(o.worker) THEN 'trying' ELSE 'waiting' END,
    o.attempts, o.next_at, o.last_code, o.last_text
FROM chatmail.outbox o JOIN chatmail.destination d ON d.id = o.destination_id
WHERE o.message_id = %s ORDER BY d.domain, o.recipient
"""
COUNT_UNDER_WAY = """
SELECT count(*) FROM chatmail.chosen_rows(%s::bigint, %s::text) c WHERE chatmail.is_under_way(c.worker)
"""
DROPPABLE = "SELECT * FROM chatmail.operator_droppable(%s::bigint, %s::text, %s)"
DROP = "SELECT chatmail.operator_drop(%s::bigint[], %s::bigint[], %s::bytea[], %s::int[])"


@dataclass(frozen=True, slots=True)
class OutboxTotals:
    """Recipients that wait for other servers, those set aside among them, and the age of the oldest."""

    waiting: int
    oldest_minutes: int
    poison: int


@dataclass(frozen=True, slots=True)
class DestinationLine:
    """A domain that mail waits for; numbers are of recipients, `failures` counts in a row."""

    domain: str
    waiting: int
    trying: int
    poison: int
    oldest_minutes: int
    failures: int
    next_try: datetime | None


@dataclass(frozen=True, slots=True)
class MessageLine:
    """A message that waits for one domain; `size` in octets."""

    id: int
    accepted: datetime
    size: int
    sender: str
    waiting: int
    poison: int
    next_try: datetime | None


@dataclass(frozen=True, slots=True)
class RecipientLine:
    """One recipient: 'waiting', 'trying' at this moment, or 'poison'; and what was said last."""

    recipient: str
    domain: str
    state: str
    attempts: int
    next_try: datetime
    last_code: int | None
    last_text: str | None


@dataclass(frozen=True, slots=True)
class WaitingMessage:
    """A message in the outbox with all recipients that still wait; `is_warned`: its sender knows that it does."""

    id: int
    accepted: datetime
    size: int
    sender: str
    is_warned: bool
    recipients: list[RecipientLine]


@dataclass(frozen=True, slots=True)
class Dropped:
    """What a report on recipients of one message needs; `domain` is the sender's, `header` the message's own."""

    message_id: int
    sender: str
    sender_mailbox: int | None
    domain: str
    header: bytes
    ids: Sequence[int]
    recipients: Sequence[str]
    codes: Sequence[int | None]
    texts: Sequence[str | None]


Report = Callable[[Dropped], bytes]


class OperatorQueue:
    """The outbox. A choice is a message, a domain, or everything (None, None); raises Unavailable."""

    def __init__(self, connection: OperatorConnection) -> None:
        self._connection = connection

    def totals(self) -> OutboxTotals:
        return OutboxTotals(*self._connection.rows(TOTALS)[0])

    def destinations(self) -> list[DestinationLine]:
        return [DestinationLine(*row) for row in self._connection.rows(LIST_DESTINATIONS)]

    def messages(self, domain: str) -> list[MessageLine]:
        return [MessageLine(*row) for row in self._connection.rows(LIST_MESSAGES, domain)]

    def show(self, message_id: int) -> WaitingMessage | None:
        rows = self._connection.rows(SHOW_MESSAGE, message_id)
        recipients = [RecipientLine(*row) for row in self._connection.rows(SHOW_RECIPIENTS, message_id)]
        return WaitingMessage(*[*rows[0], recipients]) if rows else None

    def retry(self, message_id: int | None, domain: str | None) -> int:
        """Make the chosen recipients due now, poison too; return how many."""
        return int(self._connection.call("operator_retry", message_id, domain))

    def under_way(self, message_id: int | None, domain: str | None) -> int:
        """Return how many of the chosen recipients a worker is trying at this moment."""
        return int(self._connection.rows(COUNT_UNDER_WAY, message_id, domain)[0][0])

    def drop(self, message_id: int | None, domain: str | None, report: Report | None) -> int:
        """Remove the chosen recipients that nobody is trying; return how many. Senders are told what `report` says."""
        total = 0
        while dropped := self._drop_some(message_id, domain, report):
            total += dropped
        return total

    def _drop_some(self, message_id: int | None, domain: str | None, report: Report | None) -> int:
        with self._connection.transaction():
            chosen = [Dropped(*row) for row in self._connection.rows(DROPPABLE, message_id, domain, BATCH)]
            reports = [report(one) if report and one.sender_mailbox is not None else None for one in chosen]
            sizes = [octets.index(b"\r\n\r\n") + 4 if octets else 0 for octets in reports]
            rows = [row for one in chosen for row in one.ids]
            return int(self._connection.rows(DROP, rows, [one.message_id for one in chosen], reports, sizes)[0][0])
