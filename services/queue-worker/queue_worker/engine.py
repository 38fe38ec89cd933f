"""The delivery engine: one event loop that lives as long as its worker process (design §4.2).

Strategy: Postgres is asked what is due, when the doorbell rings for a destination and every few seconds anyway. What is
leased is drained by a task of its own; what finds no seat (`seats`) is given back for a while. The worker says every
few seconds that it lives; one that falls silent is given up by the others and loses its leases. When it comes back it
joins anew; what it was doing under its old token is finished, and begins nothing more.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine

from queue_worker.drain import Drain, Limits
from queue_worker.office import Courier, Office
from queue_worker.pacing import Pacer
from queue_worker.seats import Seats
from queue_worker.transport.values import Route
from shared import log
from shared.mail.trouble import Unavailable
from shared.storage.outbox import Leased

LEASE_SECONDS = 20.0
STAY_EVERY = 4.0
AWAY_SECONDS = 1.0
GRACE_SECONDS = 20.0
KEPT_SECONDS = 60.0
NO_SEAT_SECONDS = 15.0

OpenCourier = Callable[[str, Route | None], Courier]


class Engine:
    """Delivers what waits in the outbox; `open_courier` makes the connections of a destination."""

    def __init__(
        self,
        office: Office,
        open_courier: OpenCourier,
        limits: Limits,
        sweep_seconds: float,
        clock: Callable[[], float] = time.monotonic,
        seats: Seats | None = None,
    ) -> None:
        self._office = office
        self._outbox = office.outbox
        self._open = open_courier
        self._limits = limits
        self._sweep_seconds = sweep_seconds
        self._clock = clock
        self._seats = seats or Seats(clock=clock)
        self._tasks: dict[asyncio.Task[None], Drain] = {}
        self._drains: dict[int, Drain] = {}  # by destination
        self._couriers: dict[str, tuple[Route | None, Courier, Pacer]] = {}
        self._releasing: list[int] = []  # destinations that are given back undrained
        self._wanted: set[int] = set()
        self._woken = asyncio.Event()
        self._stayed_at = float("-inf")
        self._lease_at = float("-inf")
        self._sweep_at = float("-inf")
        self._beside: set[asyncio.Task[object]] = set()

    @property
    def is_full(self) -> bool:
        """There is no room for another destination."""
        return self._seats.free <= 0

    def may_dial(self) -> bool:
        """Tell whether our leases hold: others may take them over later than we stop believing in them."""
        return self._clock() - self._stayed_at < LEASE_SECONDS

    def wake(self, destination_id: int) -> None:
        """Look at a destination soon; to be called on the engine's loop."""
        if drain := self._drains.get(destination_id):
            drain.wake()
        else:
            self._wanted.add(destination_id)
            self._woken.set()

    async def run(self) -> None:
        """Deliver until cancelled; then finish what is on its way and give everything back."""
        await _until_done(self._join)
        living = asyncio.create_task(self._live())
        try:
            while True:
                await self._look()
        finally:
            await self._finish()
            living.cancel()

    async def _look(self) -> None:
        """Wait for the doorbell or the time to sweep, and do what is asked."""
        if (left := self._sweep_at - self._clock()) <= 0:
            self._sweep_at = self._clock() + self._sweep_seconds
            await self._sweep()
            return
        try:
            async with asyncio.timeout(left):
                await self._woken.wait()
        except TimeoutError:
            return
        self._woken.clear()
        wanted, self._wanted = self._wanted, set()
        await self._lease(sorted(wanted))

    async def _sweep(self) -> None:
        for drain in self._drains.values():
            drain.wake()
        await self._lease(None)
        self._close_idle()

    async def _lease(self, wanted: list[int] | None) -> None:
        if self.is_full or not self.may_dial() or self._clock() < self._lease_at:
            return
        try:
            for leased in await self._outbox.lease(wanted, self._seats.free, self._held):
                self._begin(leased)
        except Unavailable:
            await asyncio.sleep(AWAY_SECONDS)

    def _begin(self, leased: Leased) -> None:
        if leased.poisoned:
            log.event("poison", recipients=leased.poisoned)
        if not self._seats.take(leased, leased.domain):
            return self._give_back(leased, NO_SEAT_SECONDS)
        courier, pacer = self._courier(leased)
        drain = self._drains[leased.id] = Drain(leased, courier, self._office, pacer, self._limits.connections)
        task = asyncio.create_task(drain.run())
        self._tasks[task] = drain
        task.add_done_callback(self._ended)
        return None

    def _ended(self, task: asyncio.Task[None]) -> None:
        drain = self._tasks.pop(task)
        self._remember(drain)
        if self._drains.get(drain.leased.id) is drain:
            del self._drains[drain.leased.id]
        if task.cancelled():
            return
        if error := task.exception():
            log.failure("drain", error)
            # Given back, what it had claimed counts as lost, and is tried by whoever comes next.
            self._give_back(drain.leased, AWAY_SECONDS)
        elif drain.is_rung:  # while the destination was being given back
            self.wake(drain.leased.id)

    def _remember(self, drain: Drain) -> None:
        self._seats.leave(drain.leased)
        if drain.is_away:
            self._seats.was_away(drain.leased.domain)
        elif drain.took_mail:
            self._seats.took_mail(drain.leased.domain)

    @property
    def _held(self) -> list[int]:
        """What we know to be ours: where Postgres went away before it answered, a lease is ours unknown to us."""
        return [*(drain.leased.id for drain in self._tasks.values()), *self._releasing]

    def _give_back(self, leased: Leased, seconds: float) -> None:
        """Release what is not drained; only with a failure on it does Postgres take back what is due."""
        self._releasing.append(leased.id)
        self._do(self._release(leased, seconds))

    async def _release(self, leased: Leased, seconds: float) -> None:
        await _until_done(lambda: self._outbox.release(leased, max(leased.failures, 1), seconds))
        self._releasing.remove(leased.id)

    def _courier(self, leased: Leased) -> tuple[Courier, Pacer]:
        route = None
        if leased.route_host:
            route = Route(leased.route_host, leased.route_port, leased.route_tls or "verified")  # type: ignore[arg-type]
        kept = self._couriers.get(leased.domain)
        pacer = kept[2] if kept else Pacer(self._limits.rate, self._clock)
        if kept is None or kept[0] != route:
            if kept:
                self._do(kept[1].close())
            kept = self._couriers[leased.domain] = route, self._open(leased.domain, route), pacer
        return kept[1], pacer

    def _close_idle(self) -> None:
        busy = {drain.leased.domain for drain in self._tasks.values()}
        for domain, (_, courier, _) in list(self._couriers.items()):
            if domain not in busy and courier.is_idle and self._clock() - courier.idle_since > KEPT_SECONDS:
                del self._couriers[domain]
                self._do(courier.close())

    async def _join(self) -> None:
        asked_at = self._clock()
        await self._outbox.join(LEASE_SECONDS)
        self._stayed_at = asked_at

    async def _live(self) -> None:
        while True:
            await asyncio.sleep(STAY_EVERY)
            await _until_done(self._stay)

    async def _stay(self) -> None:
        asked_at = self._clock()
        if not await self._outbox.stay(LEASE_SECONDS):
            log.event("given-up-by-others")
            for drain in self._tasks.values():
                drain.stop()
            return await self._join()
        if not self.may_dial():
            # Postgres was away, and not for us alone: the others get time to say that they live, too.
            self._lease_at = self._clock() + STAY_EVERY
        self._stayed_at = asked_at
        return None

    async def _finish(self) -> None:
        for drain in self._tasks.values():
            drain.stop()
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=GRACE_SECONDS)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        await asyncio.gather(*(courier.close() for _, courier, _ in self._couriers.values()), return_exceptions=True)
        try:
            await self._outbox.leave()
        except Unavailable:
            return

    def _do(self, act: Coroutine[object, object, object]) -> None:
        """Do something beside, which nobody waits for."""
        task = asyncio.create_task(act)
        self._beside.add(task)
        task.add_done_callback(self._beside.discard)


async def _until_done(act: Callable[[], Awaitable[object]]) -> None:
    while True:
        try:
            await act()
            return
        except Unavailable:
            await asyncio.sleep(AWAY_SECONDS)
