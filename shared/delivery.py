"""The one act all doors share: store, commit, ring (design §4.1)."""

from dataclasses import dataclass

from shared.queue import contract
from shared.queue.bell import Bell
from shared.queue.jobs import Jobs
from shared.storage.deliveries import Deliveries, Full, Incoming

__all__ = ["Delivered", "Delivery", "Full", "Gone", "Incoming"]


@dataclass(frozen=True, slots=True)
class Delivered:
    """Every mailbox that still exists has the message, durably."""


@dataclass(frozen=True, slots=True)
class Gone:
    """None of the mailboxes exists any more."""


class Delivery:
    """Delivers messages into local mailboxes."""

    def __init__(self, deliveries: Deliveries, bell: Bell, jobs: Jobs) -> None:
        self._deliveries = deliveries
        self._bell = bell
        self._jobs = jobs

    async def deliver(self, incoming: Incoming) -> Delivered | Full | Gone:
        """Deliver to all mailboxes or, where one is full, to none; raise Unavailable or NoSpace."""
        stored = await self._deliveries.store(incoming)
        if isinstance(stored, Full):
            return stored
        self._bell.ring(stored.rung)
        for mailbox_id in stored.nearly_full:
            self._jobs.enqueue(contract.TRIM, mailbox_id)
        return Delivered() if stored.holders else Gone()
