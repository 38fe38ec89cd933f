"""How fast one destination gets mail, whoever carries it."""

import asyncio
import time
from collections.abc import Callable

from shared.policy.pace import Rate

_LONG_AGO = float("-inf")


class Pacer:
    """Gives letters their turn: `rate` at once, and in the long run so many a second."""

    def __init__(self, rate: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate = Rate(rate * 60, rate)
        self._clock = clock
        self._due = _LONG_AGO

    async def turn(self) -> None:
        """Take the next place in line, and wait for its time."""
        now = self._clock()
        due = max(self._due, now)
        self._due = due + self._rate.interval
        if (early := due - now - self._rate.tolerance) > 0:
            await asyncio.sleep(early)
