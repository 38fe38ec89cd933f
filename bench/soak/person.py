"""One person of the soak: who comes, writes when told, reads what comes, goes, and comes back."""

import asyncio
import random
import time

from bench.soak.counts import Counts
from bench.soak.letters import Letters
from bench.soak.reader import Reader
from bench.soak.writer import Writer
from bench.user import Door

POLITE_SHARE = 0.5  # of the sessions end with LOGOUT and QUIT; the others are cut off in whatever they do


class Person:
    """`counts` is everybody's."""

    def __init__(self, address: str, door: Door, letters: Letters, counts: Counts, chance: random.Random) -> None:
        self.address = address
        self.is_here = False
        self._door = door
        self._counts = counts
        self._chance = chance
        self._reader = Reader(address, counts, chance)
        self._writer = Writer(address, letters, counts, chance)

    async def come(self) -> None:
        """Log in at both doors; the first time makes the account."""
        await self._reader.come(self._door)
        await self._writer.come(self._door)
        self._counts.sessions += 1
        self.is_here = True

    async def write(self, recipients: list[str]) -> None:
        """Send one letter to all of them."""
        await self._writer.write(recipients)

    async def live(self, seconds: float) -> None:
        """Read and remove what comes for so long, and go."""
        is_polite = self._chance.random() < POLITE_SHARE
        until = time.monotonic() + seconds
        if is_polite:
            await self._reader.live(until)
        else:
            try:
                async with asyncio.timeout(seconds):
                    await self._reader.live(until + seconds)
            except TimeoutError:
                self._reader.cut()
        self.is_here = False
        await self._writer.go(is_polite=is_polite)

    async def whole_life(self) -> None:
        """Be born, write to oneself, read it, remove it, and go."""
        await self.come()
        await self.write([self.address])
        await self._reader.read()
        await self._reader.empty()
        self._reader.cut()
        await self._writer.go(is_polite=True)
