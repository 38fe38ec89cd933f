"""The half of a person that reads: a kept IMAP connection that idles, and what was left to be removed later.

Strategy: what must last from one session to the next is the next UID and when each message that was left is to go.
Both change only once the server has answered, so that a session may be cut off at any moment.
"""

import math
import random
import time

from bench.inbox import Inbox, open_inbox
from bench.soak.counts import Counts
from bench.soak.letters import left_at
from bench.user import Door
from bench.wire import Wire

LEFT_SHARE = 0.1  # of all messages stay in the mailbox for a while, marked as seen …
LEFT_SECONDS = 180.0  # … on average
IDLE_SECONDS = 240.0  # then IDLE is said anew
HEAD_OCTETS = 2000


class Reader:
    """Fetches, keeps or removes what comes to one mailbox."""

    def __init__(self, address: str, counts: Counts, chance: random.Random) -> None:
        self._address = address
        self._counts = counts
        self._chance = chance
        self._inbox = Inbox(Wire())
        self._uidnext = 0
        self._leaves: dict[int, float] = {}  # by UID, when it is to be removed
        self._idles_since = 0.0

    async def come(self, door: Door) -> None:
        """Connect, log in, select, and remember where mail begins if this is the first time."""
        self._inbox = await open_inbox(door.host, door.imaps, door.source, self._address)
        uidnext = await self._inbox.select()
        self._uidnext = self._uidnext or uidnext
        self._idles_since = math.inf  # what came before is not late: nobody was there

    async def live(self, until: float) -> None:
        """Read and remove what comes and what came, until a time (monotonic), and say goodbye."""
        await self.read()
        self._idles_since = time.perf_counter()
        while (now := time.monotonic()) < until:
            await self._remove([uid for uid, at in self._leaves.items() if at <= now])
            if await self._inbox.idle(min([until, now + IDLE_SECONDS, *self._leaves.values()])):
                await self.read()
        await self._inbox.log_out()

    async def empty(self) -> None:
        """Remove all that was read."""
        await self._remove(list(self._leaves))

    def cut(self) -> None:
        """Disconnect without a word."""
        self._inbox.close()

    async def read(self) -> None:
        """Fetch everything new; mark what is left for later as seen."""
        left = []
        for uid, letter in await self._inbox.fetch(self._uidnext):
            self._uidnext = uid + 1
            self._counts.received += 1
            if (at := left_at(letter[:HEAD_OCTETS])) > self._idles_since:
                self._counts.readable.append(time.perf_counter() - at)
            is_left = self._chance.random() < LEFT_SHARE
            self._leaves[uid] = time.monotonic() + (self._chance.expovariate(1 / LEFT_SECONDS) if is_left else 0.0)
            left += [uid] if is_left else []
        if left:
            await self._inbox.mark(left, rb"+FLAGS.SILENT (\Seen)")

    async def _remove(self, uids: list[int]) -> None:
        if not uids:
            return
        await self._inbox.mark(uids, rb"+FLAGS (\Deleted)")
        self._counts.removed += await self._inbox.expunge(uids)
        for uid in uids:
            del self._leaves[uid]
