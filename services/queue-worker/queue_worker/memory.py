"""What may lie in memory at once, all destinations together.

Strategy: small bodies come along with a claim, so a claim is sized by what is left. Large ones are read when there is
room for them. No sender's large letters take more than a quarter of it, and who waits for his own goes out of the way
of the others; who waits because there is nothing left is next.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Hashable
from contextlib import asynccontextmanager

ROOM = 128 * 1024 * 1024  # octets of messages that are read by themselves
INLINE_ROOM = 64 * 1024 * 1024  # octets of messages that come with a claim; signing and sending copy those under way
SHARES = 4


class NoRoom(Exception):
    """There was no room for a letter in time."""


class Room:
    """Memory for so many octets at once, a quarter of them for each sender."""

    def __init__(self, octets: int) -> None:
        self._all = self._free = octets
        self._held: Counter[Hashable] = Counter()  # by sender
        self._line: dict[asyncio.Event, tuple[Hashable, int]] = {}  # in the order they came

    @asynccontextmanager
    async def take(self, sender: Hashable, octets: int, patience: float) -> AsyncIterator[None]:
        """Hold so many octets, or all there are; raise NoRoom after `patience` seconds."""
        octets = min(octets, self._all)
        await self._wait(sender, octets, patience)
        try:
            yield
        finally:
            self._give_back(sender, octets)

    async def _wait(self, sender: Hashable, octets: int, patience: float) -> None:
        """Stand in line until let in: whoever is not in the line any more holds his octets."""
        turn = asyncio.Event()
        self._line[turn] = sender, octets
        self._admit()
        try:
            async with asyncio.timeout(patience):
                await turn.wait()
        except TimeoutError:
            if not turn.is_set():
                raise NoRoom from None
        except asyncio.CancelledError:
            if turn.is_set():  # let in and cancelled at once
                self._give_back(sender, octets)
            raise
        finally:
            if self._line.pop(turn, None):
                self._admit()

    def _give_back(self, sender: Hashable, octets: int) -> None:
        self._free += octets
        self._held[sender] -= octets
        if not self._held[sender]:
            del self._held[sender]
        self._admit()

    def _admit(self) -> None:
        for turn, (sender, octets) in list(self._line.items()):
            held = self._held[sender]
            if held and held + octets > self._all // SHARES:  # one letter may always be larger than a share
                continue
            if octets > self._free:
                return
            del self._line[turn]
            self._free -= octets
            self._held[sender] += octets
            turn.set()


class Inline:
    """Octets that were claimed or may come with a claim under way, by who claims."""

    def __init__(self, octets: int) -> None:
        self._free = octets
        self._held: dict[object, int] = {}

    @property
    def free(self) -> int:
        """Octets left; less than none where everybody was given one message yet."""
        return self._free

    def hold(self, who: object, octets: int) -> None:
        """Say how much somebody holds by now."""
        self._free -= octets - self._held.pop(who, 0)
        if octets:
            self._held[who] = octets
