"""Wakes sleeping phones: tells the push service the tokens of accounts that got mail.

Strategy: Postgres knows who is to be told. The pusher claims no more tokens than it has free places for and tells each
in a task of its own, so that whatever the push service does costs `places` connections and as many rows in memory.
A doorbell makes it look at once; it looks by itself every few seconds, in case the doorbell was lost and for what
is due again. Whoever dies in the middle leaves a claim that ends by itself: a device may be told twice, not never.
"""

import asyncio
import contextlib
from collections import Counter
from collections.abc import Sequence
from typing import Protocol

from shared import log
from shared.metrics import catalog
from shared.policy.push import Again, Done, Forget, GiveUp, Outcome, Patience, judge
from shared.storage.errors import Unavailable
from shared.storage.push import Due

PLACES = 4
SWEEP_SECONDS = 3.0
LEASE_SECONDS = 120.0  # above the poster's patience, so that nobody else claims what is being told
EXPIRE_SECONDS = 3600.0
REPORT_SECONDS = 600.0

_WORDS: dict[type[Outcome], catalog.Push] = {Done: "told", Forget: "forgotten", Again: "again", GiveUp: "given_up"}


class Store(Protocol):
    """What is due and what became of it; every method may raise Unavailable. See `shared.storage.push.Pushes`."""

    async def claim(self, most: int, lease: float, patience: float) -> Sequence[Due]: ...

    async def done(self, token_id: int) -> None: ...

    async def again(self, token_id: int, seconds: float) -> None: ...

    async def remove(self, token_id: int) -> None: ...

    async def expire(self) -> int: ...


class Post(Protocol):
    """Brings a token to the push service."""

    async def post(self, body: bytes) -> int:
        """Return the HTTP status, 0 where there was none; never raises an error of the network."""


class Pusher:
    """Tells devices until it is cancelled; `sweep_seconds` is how long a lost doorbell may delay."""

    def __init__(
        self,
        store: Store,
        poster: Post,
        *,
        patience: Patience | None = None,
        places: int = PLACES,
        sweep_seconds: float = SWEEP_SECONDS,
    ) -> None:
        self._store = store
        self._poster = poster
        self._patience = patience or Patience()
        self._free = places
        self._sweep_seconds = sweep_seconds
        self._rung = asyncio.Event()
        self._has_place = asyncio.Event()
        self._counts: Counter[str] = Counter()

    def wake(self) -> None:
        """Look now; to be called on the loop's thread."""
        self._rung.set()

    async def run(self) -> None:
        """Tell what is due, until cancelled; what is under way then is told by the next one."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._tidy())
            while True:
                await self._await_place()
                self._rung.clear()  # before the look: who rings during it is not missed
                wanted = self._free
                claimed = await self._claim(wanted)
                for due in claimed:
                    self._free -= 1
                    tasks.create_task(self._tell(due))
                if len(claimed) < wanted:
                    await self._rest()

    async def _await_place(self) -> None:
        while not self._free:
            self._has_place.clear()
            await self._has_place.wait()

    async def _rest(self) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._sweep_seconds):
                await self._rung.wait()

    async def _claim(self, most: int) -> Sequence[Due]:
        try:
            return await self._store.claim(most, LEASE_SECONDS, self._patience.total)
        except Unavailable:
            return ()
        except Exception as error:
            log.failure("push-claim", error)
            return ()

    async def _tell(self, due: Due) -> None:
        try:
            status = await self._poster.post(due.token)
            await self._settle(due, judge(status, due.attempts, due.age, self._patience))
        except Unavailable:
            self._counts["unsettled"] += 1  # the claim ends by itself
        except Exception as error:
            log.failure("push", error)
        finally:
            self._free += 1
            self._has_place.set()

    async def _settle(self, due: Due, outcome: Outcome) -> None:
        self._counts[_WORDS[type(outcome)]] += 1
        catalog.PUSHES.count(_WORDS[type(outcome)])
        match outcome:
            case Forget():
                await self._store.remove(due.token_id)
            case Again(seconds):
                await self._store.again(due.token_id, seconds)
            case _:
                await self._store.done(due.token_id)

    async def _tidy(self) -> None:
        """Remove tokens past their time, and say now and then how many devices were told."""
        loop = asyncio.get_running_loop()
        expire_at = loop.time()
        while True:
            if loop.time() >= expire_at:
                expire_at = loop.time() + EXPIRE_SECONDS
                await self._expire()
            await asyncio.sleep(REPORT_SECONDS)
            if self._counts:
                log.event("push", **self._counts)
                self._counts.clear()

    async def _expire(self) -> None:
        try:
            while removed := await self._store.expire():
                self._counts["expired"] += removed
        except Unavailable:
            return  # another hour
        except Exception as error:
            log.failure("push-expire", error)
