"""The engine: rung or not it finds what is due, says that it lives, and gives back what it cannot finish."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

from queue_worker import engine as engines
from queue_worker.drain import Limits
from queue_worker.engine import GRACE_SECONDS, KEPT_SECONDS, LEASE_SECONDS, NO_SEAT_SECONDS, STAY_EVERY, Engine
from queue_worker.seats import Seats
from queue_worker.transport.values import Route

from shared.storage.outbox import DONE, LATER, UNTRIED, Leased
from tests.unit.queue_worker import fakes
from tests.unit.queue_worker.fakes import AWAY, MemoryOutbox, ScriptedCourier, now, office, seconds

SWEEP = 3.0


@dataclass
class World:
    outbox: MemoryOutbox = field(default_factory=MemoryOutbox)
    couriers: dict[str, ScriptedCourier] = field(default_factory=dict)
    opened: list[tuple[str, Route | None]] = field(default_factory=list)
    seats: Seats = field(default_factory=lambda: Seats(clock=now))
    engine: Engine = field(init=False)
    task: asyncio.Task[None] = field(init=False)

    def courier(self, domain: str, route: Route | None) -> ScriptedCourier:
        self.opened.append((domain, route))
        return self.couriers.setdefault(domain, ScriptedCourier())

    def sent(self) -> list[str]:
        return [recipient for courier in self.couriers.values() for recipient in courier.recipients()]

    async def end(self) -> None:
        self.task.cancel()
        with suppress(asyncio.CancelledError):
            await self.task


@asynccontextmanager
async def running(world: World) -> AsyncIterator[World]:
    desk = office(world.outbox, may_dial=lambda: world.engine.may_dial())
    world.engine = Engine(desk, world.courier, Limits(10_000, 4), SWEEP, now, world.seats)
    world.task = asyncio.create_task(world.engine.run())
    await seconds(0.5)
    yield world
    await world.end()


def play(test: Callable[[World], object], world: World | None = None) -> None:
    """Run a test on an engine in jumping time."""

    async def played() -> None:
        async with running(world or World()) as found:
            await test(found)  # type: ignore[misc]

    fakes.run(played())


def test_the_doorbell_is_followed_at_once() -> None:
    async def test(world: World) -> None:
        world.outbox.put("x@1.test")
        world.engine.wake(1)
        await seconds(0.5)
        assert fakes.done(world.outbox) == ["x@1.test"]

    play(test)


def test_a_doorbell_that_was_lost_costs_a_sweep() -> None:
    async def test(world: World) -> None:
        world.outbox.put("x@1.test")
        await seconds(SWEEP + 0.5)
        assert fakes.done(world.outbox) == ["x@1.test"]

    play(test)


def test_doorbells_without_end_do_not_keep_it_from_sweeping() -> None:
    async def test(world: World) -> None:
        async def ring() -> None:
            while True:
                world.engine.wake(99)
                await seconds(0.0005)

        ringing = asyncio.create_task(ring())
        world.outbox.put("x@1.test")
        await seconds(SWEEP + 0.5)
        ringing.cancel()
        assert fakes.done(world.outbox) == ["x@1.test"]

    play(test)


def test_a_doorbell_during_a_drain_is_followed_by_it() -> None:
    async def test(world: World) -> None:
        world.couriers["1.test"] = ScriptedCourier(takes={"slow@1.test": 500.0})
        world.outbox.put("slow@1.test")
        world.engine.wake(1)
        await seconds(0.5)
        world.outbox.put("x@1.test")
        world.engine.wake(1)
        await seconds(0.5)
        assert fakes.done(world.outbox) == ["x@1.test"]
        await seconds(500)

    play(test)


def test_a_doorbell_at_the_very_end_of_a_drain_is_not_lost() -> None:
    async def test(world: World) -> None:
        release = world.outbox.release

        async def ring_after(leased: Leased, failures: int = 0, wait: float = 0.0) -> bool:
            is_free = await release(leased, failures, wait)
            if is_free and not fakes.done(world.outbox)[1:]:
                world.outbox.put("y@1.test")  # committed after the release had looked
                world.engine.wake(1)
            return is_free

        world.outbox.release = ring_after  # type: ignore[method-assign]
        world.outbox.put("x@1.test")
        world.engine.wake(1)
        await seconds(0.9)
        assert fakes.done(world.outbox) == ["x@1.test", "y@1.test"]

    play(test)


def test_destinations_do_not_wait_for_one_another() -> None:
    async def test(world: World) -> None:
        world.couriers["1.test"] = ScriptedCourier(usually_takes=300.0)
        world.outbox.put("x@1.test")
        world.outbox.put("x@2.test", destination=2)
        await seconds(SWEEP + 0.5)
        assert fakes.done(world.outbox) == ["x@2.test"]
        await seconds(300)

    play(test)


def test_there_is_room_for_so_many_and_then_it_is_full() -> None:
    async def test(world: World) -> None:
        for number in (1, 2, 3):
            world.couriers[f"{number}.test"] = ScriptedCourier(usually_takes=10.0 * number)
            world.outbox.put(f"x@{number}.test", destination=number)
        assert not world.engine.is_full
        await seconds(SWEEP + 0.5)
        assert world.engine.is_full
        assert world.sent() == ["x@1.test", "x@2.test"]
        world.engine.wake(3)
        await seconds(30)
        assert world.sent() == ["x@1.test", "x@2.test", "x@3.test"]
        await seconds(30)
        assert not world.engine.is_full

    play(test, World(seats=Seats(2)))


def test_tarpits_leave_seats_for_who_took_mail() -> None:
    async def test(world: World) -> None:
        world.outbox.put("0@99.test", destination=99)
        world.engine.wake(99)
        await seconds(1)
        for number in range(1, 21):
            world.couriers[f"{number}.test"] = ScriptedCourier(usually_takes=30.0)
            world.outbox.put(f"x@{number}.test", destination=number)
        await seconds(2 * SWEEP)
        assert len(world.sent()) == 1 + 6
        assert set(world.outbox.shut.values()) == {(1, NO_SEAT_SECONDS)}
        assert not world.engine.is_full
        for number in (1, 2, 3):
            world.outbox.put(f"{number}@99.test", destination=99)
            world.engine.wake(99)
            await seconds(0.9)
            assert fakes.done(world.outbox)[number:] == [f"{number}@99.test"]
        await seconds(300)
        assert len(fakes.done(world.outbox)) == 4 + 20  # nothing is forgotten, and nothing was tried in vain
        assert {row.outcome for _, row in world.outbox.settled} == {DONE}

    play(test, World(seats=Seats(8, 4, now)))


def test_who_takes_mail_no_more_is_a_stranger_again() -> None:
    async def test(world: World) -> None:
        courier = world.couriers["1.test"] = ScriptedCourier()
        for answer, is_known in ((fakes.OK, True), (AWAY, False), (fakes.NO, False), (fakes.OK, True)):
            courier.every = answer
            world.outbox.put("x@1.test")
            world.engine.wake(1)
            await seconds(1)
            assert ("1.test" in world.seats._took_mail) is is_known
            world.outbox.due.clear()
            world.outbox.opens.clear()

    play(test)


def test_it_says_that_it_lives_and_is_sure_of_its_leases_only_then() -> None:
    async def test(world: World) -> None:
        await seconds(60)
        assert world.outbox.calls["stay"] >= 60 / STAY_EVERY - 2
        assert world.engine.may_dial()
        world.outbox.is_away = True
        await seconds(LEASE_SECONDS + STAY_EVERY)
        assert not world.engine.may_dial()
        asked = world.outbox.calls.copy()
        await seconds(600)
        assert world.outbox.calls["lease"] == asked["lease"]
        assert world.outbox.calls["stay"] - asked["stay"] <= 601
        world.outbox.is_away = False
        world.outbox.put("x@1.test")
        await seconds(2 * STAY_EVERY + SWEEP)
        assert fakes.done(world.outbox) == ["x@1.test"]

    play(test)


def test_after_an_outage_the_others_get_time_to_say_that_they_live() -> None:
    async def test(world: World) -> None:
        world.outbox.is_away = True
        await seconds(60)
        world.outbox.is_away = False
        stays, leases = world.outbox.calls["stay"], world.outbox.calls["lease"]
        while world.outbox.calls["stay"] == stays:
            await seconds(0.1)
        for _ in range(30):
            world.engine.wake(1)
            await seconds(0.1)
        assert world.outbox.calls["lease"] == leases

    play(test)


def test_who_was_given_up_joins_anew_and_begins_nothing_old() -> None:
    async def test(world: World) -> None:
        outbox, courier = world.outbox, ScriptedCourier(usually_takes=30.0)
        world.couriers["1.test"] = courier
        outbox.put(*(f"{number}@1.test" for number in range(8)))
        world.engine.wake(1)
        await seconds(1)
        old = outbox.token
        assert len(courier.sent) == 4
        outbox.is_known = False
        outbox.leased.clear()
        await seconds(STAY_EVERY + 1)
        assert outbox.token == old + 1
        # Leased again under the new token, while the old letters are still on their way.
        await seconds(SWEEP)
        assert outbox.leased == {1: old + 1}
        await seconds(200)
        assert sorted(courier.recipients()) == sorted({*courier.recipients()})
        assert len(fakes.done(outbox)) == 8
        assert [row.outcome for _, row in outbox.settled].count(UNTRIED) == 4
        assert outbox.leased == {}

    play(test)


def test_the_end_finishes_letters_puts_the_rest_back_and_leaves() -> None:
    async def test(world: World) -> None:
        world.couriers["1.test"] = ScriptedCourier(usually_takes=5.0)
        world.outbox.put(*(f"{number}@1.test" for number in range(10)))
        world.engine.wake(1)
        await seconds(1)
        await world.end()
        assert len(world.sent()) == len(fakes.done(world.outbox)) == 4
        assert len(world.outbox.due[1]) == 6
        assert world.outbox.has_left
        assert world.couriers["1.test"].is_closed

    play(test)


def test_a_letter_without_end_is_left_after_the_grace_and_its_lease_kept_until_then() -> None:
    async def test(world: World) -> None:
        leave = world.outbox.leave

        async def leave_last() -> None:
            assert world.outbox.settled
            await leave()

        world.outbox.leave = leave_last  # type: ignore[method-assign]
        world.couriers["1.test"] = ScriptedCourier(usually_takes=float(fakes.FOREVER))
        world.outbox.put("x@1.test")
        world.engine.wake(1)
        await seconds(1)
        started, stays = now(), world.outbox.calls["stay"]
        await world.end()
        assert GRACE_SECONDS <= now() - started < GRACE_SECONDS + 1
        assert world.outbox.calls["stay"] - stays >= GRACE_SECONDS / STAY_EVERY - 1
        ((_, row),) = world.outbox.settled  # it may have arrived, and we knew when we left
        assert (row.outcome, row.delay, world.outbox.has_left) == (LATER, 600.0, True)

    play(test)


def test_an_end_without_postgres_is_an_end() -> None:
    async def test(world: World) -> None:
        world.outbox.is_away = True
        await world.end()
        assert not world.outbox.has_left

    play(test)


def test_a_drain_that_fails_is_given_back_as_lost() -> None:
    async def test(world: World) -> None:
        async def fail(*_: object) -> object:
            raise RuntimeError("x@1.test")

        world.outbox.settle = fail  # type: ignore[assignment,method-assign]
        world.outbox.put("x@1.test")
        world.engine.wake(1)
        await seconds(0.5)
        assert world.outbox.shut == {1: (1, engines.AWAY_SECONDS)}
        world.outbox.put("x@2.test", destination=2)
        world.engine.wake(2)
        await seconds(0.5)
        assert "x@2.test" in world.sent()

    play(test)


def test_connections_are_kept_for_the_next_lease_and_closed_when_idle() -> None:
    async def test(world: World) -> None:
        for number in range(3):
            world.outbox.put(f"{number}@1.test")
            world.engine.wake(1)
            await seconds(1)
        assert world.opened == [("1.test", None)]
        await seconds(KEPT_SECONDS + 2 * SWEEP)
        assert world.couriers["1.test"].is_closed
        world.outbox.put("x@1.test")
        world.engine.wake(1)
        await seconds(1)
        assert len(world.opened) == 2

    play(test)


def test_a_new_route_makes_a_new_courier() -> None:
    async def test(world: World) -> None:
        lease_of = world.outbox.lease_of
        world.outbox.put("0@1.test")
        world.engine.wake(1)
        await seconds(1)

        def routed(destination: int = 1, failures: int = 0) -> Leased:
            found = lease_of(destination, failures)
            return Leased(found.worker, found.id, found.domain, 0, True, "mx.test", 26, None, 0)

        world.outbox.lease_of = routed  # type: ignore[method-assign]
        world.outbox.put("1@1.test")
        world.engine.wake(1)
        await seconds(1)
        assert world.opened == [("1.test", None), ("1.test", Route("mx.test", 26, "verified"))]
        assert world.couriers["1.test"].is_closed

    play(test)


def test_a_dead_destination_harms_no_other() -> None:
    async def test(world: World) -> None:
        world.couriers["1.test"] = ScriptedCourier(every=AWAY, usually_takes=30.0)
        world.outbox.put(*(f"{number}@1.test" for number in range(20)))
        world.outbox.put(*(f"{number}@2.test" for number in range(20)), destination=2)
        await seconds(SWEEP + 5)
        assert len([one for one in fakes.done(world.outbox) if one.endswith("@2.test")]) == 20
        await seconds(60)
        assert world.outbox.shut[1][0] >= 1

    play(test)
