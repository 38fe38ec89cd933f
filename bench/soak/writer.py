"""The half of a person that writes: a kept submission connection."""

import asyncio
import random
import time
from collections.abc import Sequence

from bench.smtp import Smtp, envelope, log_in
from bench.soak.counts import Counts
from bench.soak.letters import Letters
from bench.user import Door
from bench.wire import Wire


class Writer:
    """One letter after the other, however many want to send one."""

    def __init__(self, address: str, letters: Letters, counts: Counts, chance: random.Random) -> None:
        self._address = address
        self._letters = letters
        self._counts = counts
        self._chance = chance
        self._smtp = Smtp(Wire())
        self._turn = asyncio.Lock()

    async def come(self, door: Door) -> None:
        """Connect and log in."""
        self._smtp = await log_in(door.host, door.submissions, door.source, self._address)

    async def write(self, recipients: Sequence[str]) -> None:
        """Send one letter to all of them."""
        async with self._turn:
            start = time.perf_counter()
            letter = self._letters.chosen(self._address, self._chance)
            await self._smtp.send(envelope(self._address, recipients), letter)
            self._counts.sent += 1
            self._counts.accepted.append(time.perf_counter() - start)

    async def go(self, *, is_polite: bool) -> None:
        """Disconnect between two letters, with a word or without."""
        async with self._turn:
            if is_polite:
                await self._smtp.quit()
            self._smtp.close()
