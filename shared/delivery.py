"""The one act all doors share: store, commit, ring (design §4.1)."""

from dataclasses import dataclass

from shared.queue import contract
from shared.queue.bell import Bell
from shared.queue.jobs import Jobs
from shared.storage.deliveries import Deliveries, Full, Incoming, Outgoing, Overdrawn

__all__ = ["Delivered", "Delivery", "Full", "Gone", "Incoming", "Outcome", "Outgoing", "Overdrawn"]


@dataclass(frozen=True, slots=True)
class Delivered:
    """Every mailbox that still exists has the message, and the outbox what is for elsewhere, durably."""


@dataclass(frozen=True, slots=True)
class Gone:
    """None of the mailboxes exists any more."""


Outcome = Delivered | Full | Gone | Overdrawn


class Delivery:
    """Delivers messages into local mailboxes and into the outbox."""

    def __init__(self, deliveries: Deliveries, bell: Bell, jobs: Jobs) -> None:
        self._deliveries = deliveries
        self._bell = bell
        self._jobs = jobs

    async def deliver(self, incoming: Incoming) -> Outcome:
        """Deliver to all recipients or, where there is no room for one, to none; raise Unavailable or NoSpace."""
        stored = await self._deliveries.store(incoming)
        if isinstance(stored, Full | Overdrawn):
            return stored
        self._bell.announce(stored.arrivals)
        for mailbox_id in stored.nearly_full:
            self._jobs.enqueue(contract.TRIM, mailbox_id)
        for destination_id in stored.destinations:
            self._jobs.enqueue(contract.DELIVER, destination_id)
        if stored.wants_push:
            self._jobs.enqueue(contract.PUSH, 0)
        return Delivered() if stored.holders or incoming.outgoing else Gone()
