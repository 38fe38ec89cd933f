"""What time does to the outbox: senders are told of what is late, and of what is given up."""

import asyncio
from collections import Counter
from dataclasses import dataclass, field

from queue_worker.office import Ring, settle
from queue_worker.reports import Reporter
from shared import log
from shared.mail.trouble import Unavailable
from shared.metrics import catalog
from shared.storage.outbox import DONE, LATER, Outbox, Overdue, Row, Settlement

AT_ONCE = 100  # rows or messages of one look
LOOKS = 50  # at the most, each time


@dataclass(slots=True)
class Chores:
    """Looks every `every` seconds; mail is late after `warn_seconds` and given up after `retry_seconds`."""

    outbox: Outbox
    reporter: Reporter
    ring: Ring
    warn_seconds: float
    retry_seconds: float
    every: float
    _tls: Counter[tuple[str, str, str]] = field(default_factory=Counter)

    def count_tls(self, domain: str, policy_type: str, result: str) -> None:
        """Count how TLS went with a domain (RFC 8460 §4.3)."""
        self._tls[domain, policy_type, result] += 1

    async def run(self) -> None:
        """Go on until cancelled."""
        while True:
            await asyncio.sleep(self.every)
            try:
                await self._measure()
                await self._give_up()
                await self._warn()
                await self._write_tls()
            except Unavailable:
                continue
            except Exception as error:
                log.failure("outbox-chores", error)

    async def _measure(self) -> None:
        waiting, oldest = await self.outbox.backlog()
        catalog.OUTBOX.set(waiting)
        catalog.OLDEST.set(oldest)

    async def _give_up(self) -> None:
        for _ in range(LOOKS):
            expired = await self.outbox.expired(self.retry_seconds, AT_ONCE)
            for overdue in expired:
                await settle(self.outbox, self._settlement(overdue), self.ring)
            if not expired:
                return

    def _settlement(self, overdue: Overdue) -> Settlement:
        try:
            report = self.reporter.expired(overdue) if overdue.sender_mailbox is not None else None
        except Exception as error:  # the others are not held up by one that cannot be told of
            log.failure("report", error)
            return Settlement(overdue.worker, tuple(Row(row_id, LATER, self.every) for row_id in overdue.ids))
        return Settlement(overdue.worker, tuple(Row(row_id, DONE) for row_id in overdue.ids), report)

    async def _warn(self) -> None:
        for _ in range(LOOKS):
            late = await self.outbox.late(self.warn_seconds, AT_ONCE)
            for overdue in late:
                await self._tell(overdue)
            if not late:
                return

    async def _tell(self, overdue: Overdue) -> None:
        try:
            report = self.reporter.late(overdue)
        except Exception as error:
            log.failure("report", error)
            return
        self.ring(await self.outbox.warn(report))
        catalog.REPORTS.count("delay")

    async def _write_tls(self) -> None:
        if not self._tls:
            return
        counted, self._tls = self._tls, Counter()
        try:
            await self.outbox.count_tls(counted)
        except Unavailable:
            self._tls.update(counted)
