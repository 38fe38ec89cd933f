"""The clock of all connections of a process: each is told the time once a round.

Strategy: connections are spread over slots, and one timer goes round them. A timer for each would cost ten thousand of
them memory and a thousand wake-ups a second while nothing happens.
"""

import asyncio
from typing import Protocol

from shared import log

ROUND = 10.0  # seconds
SLOTS = 40


class Timed(Protocol):
    """A connection, as the clock sees it."""

    def tick(self, now: float) -> None:
        """Do what is due at this loop time."""


class Rounds:
    """Goes round while anybody is there."""

    def __init__(self) -> None:
        self._slots: list[set[Timed]] = [set() for _ in range(SLOTS)]
        self._places: dict[Timed, int] = {}
        self._next = 0
        self._timer: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return len(self._places)

    def add(self, timed: Timed, share: float) -> None:
        """Tell it the time from now on; `share` (0 to 1) is its place in the round."""
        place = self._places[timed] = int(share * SLOTS) % SLOTS
        self._slots[place].add(timed)
        if self._timer is None:
            self._wait()

    def remove(self, timed: Timed) -> None:
        """Tell it no more."""
        place = self._places.pop(timed, None)
        if place is not None:
            self._slots[place].discard(timed)

    def _wait(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(ROUND / SLOTS, self._go_on)

    def _go_on(self) -> None:
        now = asyncio.get_running_loop().time()
        slot, self._next = self._slots[self._next], (self._next + 1) % SLOTS
        for timed in tuple(slot):
            try:
                timed.tick(now)
            except Exception as error:  # of one, for which the others' clock does not stop
                log.failure("imap_tick", error)
        self._timer = None
        if self._places:
            self._wait()
