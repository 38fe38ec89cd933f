"""Expiry, trimming and freeing, in small steps.

Strategy: one thread, one connection, one bounded transaction after another with a breath between them, so that
housekeeping never holds up delivery. The walk through all mailboxes starts over every hour; accounts are trimmed when
a delivery asked for it, and by a sweep every few minutes in case the asking was lost. Several workers may walk at
once: each transaction is right by itself.
"""

import queue
import threading
import time
from collections.abc import Callable

from shared import log
from shared.metrics import catalog
from shared.storage.errors import Unavailable
from shared.storage.expiry import Expiry

WALK_EVERY = 3600.0
FORGET_EVERY = 600.0
SWEEP_EVERY = 300.0
ORPHANS_EVERY = 24 * 3600.0
BREATH = 0.05
AWAY = 5.0
MAX_WAITING = 10_000

Ring = Callable[[list[tuple[int, int]]], None]


class Housekeeper:
    """Keeps what is stored within what was promised."""

    def __init__(self, expiry: Expiry, ring: Ring) -> None:
        self._expiry = expiry
        self._ring = ring
        self._to_trim: queue.Queue[int] = queue.Queue(MAX_WAITING)
        self._is_stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="housekeeping", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Finish the step at hand and end; what was never started has ended."""
        self._is_stopping.set()
        if self._thread.is_alive():
            self._thread.join(timeout=20)

    def trim_soon(self, mailbox_id: int) -> None:
        """Trim the mailbox's account next; when too many wait, the sweep will find it."""
        if not self._to_trim.full():
            self._to_trim.put_nowait(mailbox_id)

    def walk(self) -> int:
        """Expire old mail everywhere, then unused accounts; return how many messages went."""
        after: int | None = 0
        total = 0
        while after is not None and not self._is_stopping.is_set():
            after, removed, rung = self._expiry.expire_step(after)
            self._ring(rung)
            total += removed
            catalog.EXPIRED.count(by=removed)
            self._is_stopping.wait(BREATH)
        while not self._is_stopping.is_set() and self._expiry.expire_accounts():
            self._is_stopping.wait(BREATH)
        return total

    def sweep(self) -> None:
        """Trim every account that is nearly full."""
        for mailbox_id in self._expiry.nearly_full():
            self._trim(mailbox_id)

    def _trim(self, mailbox_id: int) -> None:
        self._ring(self._expiry.trim(mailbox_id))

    def _run(self) -> None:
        every = {
            self._free_orphans: ORPHANS_EVERY,
            self._walk_and_tell: WALK_EVERY,
            self._expiry.forget_destinations: FORGET_EVERY,
            self.sweep: SWEEP_EVERY,
        }
        due = dict.fromkeys(every, 0.0)
        while not self._is_stopping.is_set():
            try:
                for chore in due:
                    if time.monotonic() >= due[chore]:
                        chore()
                        due[chore] = time.monotonic() + every[chore]
                self._trim_waiting()
            except Unavailable:
                self._is_stopping.wait(AWAY)
            except Exception as error:
                log.failure("housekeeping", error)
                self._is_stopping.wait(AWAY)
        self._expiry.close()

    def _trim_waiting(self) -> None:
        try:
            self._trim(self._to_trim.get(timeout=1.0))
        except queue.Empty:
            return

    def _walk_and_tell(self) -> None:
        started = time.monotonic()
        removed = self.walk()
        log.event("expired", messages=removed, seconds=round(time.monotonic() - started, 1))

    def _free_orphans(self) -> None:
        freed = self._expiry.free_orphans()
        if freed:
            log.event("orphans-freed", bodies=freed)
