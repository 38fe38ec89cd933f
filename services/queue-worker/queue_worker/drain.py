"""One destination while it is ours: its mail is carried until nothing is due.

Strategy: letters are carried side by side, up to the connections a destination allows, from a short backlog of claimed
messages; whoever finds it empty claims the next, fewer where memory is short. Slow letters hold up nobody: a doorbell
makes new ones begin beside them, and large ones wait for room on no more than half of the connections. When the
destination cannot be reached, the backlog goes back and the door is shut for a while; one message then tries it.
"""

import asyncio
from collections import deque
from dataclasses import dataclass

from queue_worker.office import ROOM_SECONDS, Courier, Fate, Office
from queue_worker.pacing import Pacer
from queue_worker.transport.values import Outcome, Result
from shared import log
from shared.mail.trouble import Unavailable
from shared.storage.outbox import INLINE, Claimed, Leased

BACKLOG = 16  # messages claimed ahead
AWAY_SECONDS = 1.0

CLOSED_BY_OPERATOR = Result(Outcome.REFUSED, 550, "5.7.1", "This server does not exchange mail with that domain")


@dataclass(frozen=True, slots=True)
class Limits:
    """What one destination is spared: messages a second, connections at once."""

    rate: int
    connections: int


class Drain:
    """Carries the mail of one leased destination."""

    def __init__(self, leased: Leased, courier: Courier, office: Office, pacer: Pacer, connections: int) -> None:
        self.leased = leased
        self._courier = courier
        self._office = office
        self._pacer = pacer
        self._connections = connections
        self._failures = leased.failures
        self._backlog: deque[Claimed] = deque()
        self._letters: dict[asyncio.Task[None], Claimed] = {}
        self._stirred = asyncio.Event()  # something changed: look again
        self._is_rung = True  # there may be more to claim
        self._found_nothing = False
        self._is_shut = False
        self._is_stopping = False
        self._error: BaseException | None = None
        self.took_mail = False

    @property
    def is_away(self) -> bool:
        """The destination could not be reached."""
        return self._is_shut

    @property
    def is_rung(self) -> bool:
        """A doorbell was rung that nobody has followed yet."""
        return self._is_rung

    def wake(self) -> None:
        """Look for new mail, also while letters are on their way."""
        self._is_rung = True
        self._stirred.set()

    def stop(self) -> None:
        """Begin nothing new."""
        self._is_stopping = True
        self._stirred.set()

    async def run(self) -> None:
        """Carry until nothing is due, then give the destination back; Postgres away is waited out."""
        try:
            while not await self._is_over():
                await self._stirred.wait()
        finally:
            for letter in self._letters:
                letter.cancel()
            await asyncio.gather(*self._letters, return_exceptions=True)  # they record how far they came
            self._office.inline.hold(self, 0)

    async def _is_over(self) -> bool:
        self._stirred.clear()
        self._weigh()
        if self._backlog and not self._may_begin:
            await self._put_back()
        while self._may_begin and len(self._letters) < self._most and (self._backlog or await self._claim()):
            self._begin(self._backlog.popleft())
        if self._error:
            raise self._error
        return not self._letters and await self._give_back()

    @property
    def _may_begin(self) -> bool:
        return not self._is_shut and not self._is_stopping

    @property
    def _most(self) -> int:
        return 1 if self._failures else self._connections

    async def _claim(self) -> bool:
        if not self._is_rung or not (most := self._most_to_claim()):
            return False
        self._is_rung = False
        self._weigh(most * INLINE)
        try:
            claimed = await self._office.claim(self.leased, most)
        except Unavailable:
            self._is_rung = True
            self._weigh()
            await asyncio.sleep(AWAY_SECONDS)
            return False
        # A suspect comes alone, whatever else is due.
        self._is_rung |= len(claimed) == most or any(one.is_suspect for one in claimed)
        claimed = self._not_under_way(claimed)
        self._found_nothing = not claimed
        self._backlog.extend(claimed)
        self._weigh()
        return bool(claimed)

    def _not_under_way(self, claimed: list[Claimed]) -> list[Claimed]:
        """Leave out rows of letters that are still being recorded.

        They were put back, Postgres went away before it said so, and they will be put back once more: a letter that
        was on its way meanwhile would go out again.
        """
        rows = {row for letter in self._letters.values() for row in letter.ids}
        fresh = [one for one in claimed if rows.isdisjoint(one.ids)]
        self._is_rung |= len(fresh) < len(claimed)
        return fresh

    def _most_to_claim(self) -> int:
        """Say how many memory allows: one at least, so that all go on, once nothing is under way here."""
        most = min(BACKLOG, self._office.inline.free // INLINE)
        if most < 1:
            return 0 if self._letters else 1
        return 1 if self._failures else most

    def _weigh(self, to_come: int = 0) -> None:
        here = (*self._backlog, *self._letters.values())
        self._office.inline.hold(self, to_come + sum(len(one.data or one.header) for one in here))

    def _begin(self, claimed: Claimed) -> None:
        letter = asyncio.create_task(self._carry(claimed))
        self._letters[letter] = claimed
        letter.add_done_callback(self._carried)

    def _carried(self, letter: asyncio.Task[None]) -> None:
        del self._letters[letter]
        if not letter.cancelled():
            self._error = self._error or letter.exception()
        self._stirred.set()

    async def _carry(self, claimed: Claimed) -> None:
        if not self.leased.may_pass:
            return await self._office.refuse(claimed, CLOSED_BY_OPERATOR)
        await self._pacer.turn()
        if not self._may_begin:  # shut while this letter waited for its turn
            return self._backlog.append(claimed)
        return self._learn(await self._office.carry(self._courier, claimed, self._patience))

    def _learn(self, fate: Fate) -> None:
        self.took_mail |= fate is Fate.TOOK_IT
        if fate in (Fate.TOOK_IT, Fate.ANSWERED):
            self._failures = 0
            if self._is_shut:
                self._is_shut = False
                self.wake()
        elif fate is Fate.WAS_AWAY and not self._is_shut:  # what fails beside it tells nothing new
            self._failures, self._is_shut = self._failures + 1, True

    @property
    def _patience(self) -> float:
        large = sum(one.data is None for one in self._letters.values())  # the one that asks among them
        return ROOM_SECONDS if 2 * large <= self._connections else 0.0

    async def _put_back(self) -> None:
        backlog, self._backlog = self._backlog, deque()
        await asyncio.gather(*map(self._office.put_back, backlog))

    async def _give_back(self) -> bool:
        seconds = self._office.schedule.after(self._failures, self._office.chance()) if self._is_shut else 0.0
        if self._is_shut and self._failures == 1:
            log.event("destination-away")
        try:
            if await self._office.outbox.release(self.leased, self._failures if self._is_shut else 0, seconds):
                return True
        except Unavailable:
            self._found_nothing = True
        if self._is_stopping:
            return True
        self.wake()
        if self._found_nothing:  # due, and yet not to be had: another suspect is being tried, or Postgres is away
            await asyncio.sleep(AWAY_SECONDS)
        return False
