"""One destination: as many letters at once as agreed, nobody behind a slow one, and a door that shuts and opens."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from itertools import count
from typing import Any

import pytest
from queue_worker.drain import BACKLOG, Drain
from queue_worker.memory import Inline, Room
from queue_worker.office import ROOM_SECONDS, Office
from queue_worker.pacing import Pacer

from shared.mail.trouble import Unavailable
from shared.storage.outbox import DONE, INLINE, LATER, LOST, UNTRIED, Claimed, Leased
from tests.unit.queue_worker import fakes
from tests.unit.queue_worker.fakes import (
    AWAY,
    BODY,
    HEADER,
    LATER_PLEASE,
    MemoryOutbox,
    ScriptedCourier,
    now,
    office,
    seconds,
)

CONNECTIONS = 4
FAST = 10_000


def drain(
    outbox: MemoryOutbox,
    courier: ScriptedCourier,
    *,
    failures: int = 0,
    rate: int = FAST,
    may_dial: bool = True,
    desk: Office | None = None,
) -> Drain:
    leased = outbox.lease_of(1, failures)
    desk = desk or office(outbox, may_dial=lambda: may_dial)
    return Drain(leased, courier, desk, Pacer(rate, now), CONNECTIONS)


def names(number: int) -> list[str]:
    return [f"{index}@1.test" for index in range(number)]


def test_everything_is_carried_once_and_the_destination_given_back() -> None:
    async def test() -> None:
        outbox, courier = MemoryOutbox(), ScriptedCourier()
        outbox.put(*names(50))
        await drain(outbox, courier).run()
        assert Counter(courier.recipients()) == Counter(fakes.done(outbox)) == Counter(names(50))
        assert (outbox.leased, outbox.shut, courier.most) == ({}, {}, CONNECTIONS)

    fakes.run(test())


@pytest.mark.parametrize(("waiting", "expected"), [(1, 1), (3, 3), (20, CONNECTIONS)])
def test_no_more_connections_than_letters_nor_than_agreed(waiting: int, expected: int) -> None:
    async def test() -> None:
        outbox, courier = MemoryOutbox(), ScriptedCourier()
        outbox.put(*names(waiting))
        await drain(outbox, courier).run()
        assert courier.most == expected
        assert outbox.calls["claim"] <= 1 + waiting // BACKLOG

    fakes.run(test())


def test_a_slow_letter_stops_nobody_nor_new_mail() -> None:
    async def test() -> None:
        outbox, courier = MemoryOutbox(), ScriptedCourier(takes={"slow@1.test": 500.0})
        outbox.put("slow@1.test", *names(30))
        draining = drain(outbox, courier)
        task = asyncio.create_task(draining.run())
        await seconds(10)
        assert sorted(fakes.done(outbox)) == sorted(names(30))
        outbox.put("new@1.test")
        draining.wake()
        await seconds(1)
        assert "new@1.test" in fakes.done(outbox)
        await task
        assert "slow@1.test" in fakes.done(outbox)

    fakes.run(test())


def test_what_comes_while_the_destination_is_given_back_is_carried() -> None:
    async def test() -> None:
        outbox, courier = MemoryOutbox(), ScriptedCourier()
        outbox.put("x@1.test")
        late = ["y@1.test", "z@1.test"]
        outbox.on_release = lambda: outbox.put(late.pop()) if late else None
        await drain(outbox, courier).run()
        assert fakes.done(outbox) == ["x@1.test", "z@1.test", "y@1.test"]
        assert now() < 1002  # without a rest

    fakes.run(test())


def test_the_door_is_shut_once_however_many_fail_beside_each_other() -> None:
    async def test() -> None:
        outbox, courier = MemoryOutbox(), ScriptedCourier(every=AWAY)
        outbox.put(*names(BACKLOG))
        await drain(outbox, courier).run()
        assert len(courier.sent) == CONNECTIONS
        tried = [outcomes == [LATER] for outcomes in outbox.outcomes().values()]
        assert (sum(tried), len(tried)) == (CONNECTIONS, BACKLOG)
        assert sum(outcomes == [UNTRIED] for outcomes in outbox.outcomes().values()) == BACKLOG - CONNECTIONS
        assert outbox.shut == {1: (1, fakes.DELAY)}
        assert {one.attempts[0] for one in outbox.due[1]} == {0}

    fakes.run(test())


def test_one_letter_tries_a_door_that_was_shut_and_shuts_it_again() -> None:
    async def test() -> None:
        outbox, courier = MemoryOutbox(), ScriptedCourier(every=AWAY)
        outbox.put(*names(BACKLOG))
        await drain(outbox, courier, failures=3).run()
        assert len(courier.sent) == 1
        assert outbox.shut[1][0] == 4

    fakes.run(test())


def test_the_door_opens_behind_one_that_came_through() -> None:
    async def test() -> None:
        outbox, courier = MemoryOutbox(), ScriptedCourier()
        outbox.put(*names(20))
        await drain(outbox, courier, failures=3).run()
        starts = [at for at, _ in courier.sent]
        assert starts[1] > starts[0] + courier.usually_takes  # alone at first
        assert courier.most == CONNECTIONS
        assert (len(fakes.done(outbox)), outbox.shut) == (20, {})

    fakes.run(test())


def test_a_letter_that_comes_through_beside_one_that_does_not_keeps_the_door_open() -> None:
    async def test() -> None:
        outbox = MemoryOutbox()
        courier = ScriptedCourier(script={"0@1.test": [AWAY]}, takes={"0@1.test": 0.01})
        outbox.put(*names(40))
        await drain(outbox, courier).run()
        assert outbox.outcomes().pop("0@1.test")[0] == LATER
        assert (len(fakes.done(outbox)), outbox.shut) == (39, {})

    fakes.run(test())


def test_a_refusal_of_one_recipient_shuts_nothing() -> None:
    async def test() -> None:
        outbox, courier = MemoryOutbox(), ScriptedCourier(every=LATER_PLEASE)
        outbox.put(*names(20))
        await drain(outbox, courier).run()
        assert {tuple(outcomes) for outcomes in outbox.outcomes().values()} == {(LATER,)}
        assert outbox.shut == {}

    fakes.run(test())


def test_a_mistake_of_ours_costs_one_letter() -> None:
    async def test() -> None:
        outbox, courier = MemoryOutbox(), ScriptedCourier(script={"3@1.test": [RuntimeError("x@1.test")]})
        outbox.put(*names(10))
        await drain(outbox, courier).run()
        assert outbox.outcomes().pop("3@1.test") == [LOST]
        assert len(fakes.done(outbox)) == 9

    fakes.run(test())


@pytest.mark.parametrize("rate", [1, 5, 20])
def test_the_pace_is_kept(rate: int) -> None:
    async def test() -> None:
        outbox, courier = MemoryOutbox(), ScriptedCourier(usually_takes=0.0)
        outbox.put(*names(rate * 5))
        await drain(outbox, courier, rate=rate).run()
        starts = [at for at, _ in courier.sent]
        for index, start in enumerate(starts):
            # `rate` at once, and then so many a second.
            for span in (1, 2, 3):
                assert sum(start <= at < start + span for at in starts[index:]) <= rate + rate * span
        assert starts[-1] - starts[0] > 3.5

    fakes.run(test())


def test_the_pace_is_kept_from_one_lease_to_the_next() -> None:
    async def test() -> None:
        outbox, courier, pacer = MemoryOutbox(), ScriptedCourier(usually_takes=0.0), Pacer(5, now)
        for name in names(25):
            outbox.put(name)
            await Drain(outbox.lease_of(), courier, office(outbox), pacer, CONNECTIONS).run()
        assert courier.sent[-1][0] - courier.sent[0][0] > 3.5

    fakes.run(test())


def test_postgres_away_is_waited_out_and_nothing_sent_twice() -> None:
    async def test() -> None:
        outbox, courier = MemoryOutbox(), ScriptedCourier()
        outbox.put(*names(30))
        draining = asyncio.create_task(drain(outbox, courier).run())
        await seconds(0.05)
        assert courier.busy == CONNECTIONS
        outbox.is_away = True
        await seconds(300)
        assert outbox.calls["settle"] < CONNECTIONS * 2 * 310  # patient, though they never give up
        assert outbox.calls["claim"] + outbox.calls["release"] < 700
        outbox.is_away = False
        await draining
        assert Counter(courier.recipients()) == Counter(fakes.done(outbox)) == Counter(names(30))

    fakes.run(test())


def test_what_was_put_back_unheard_goes_out_once() -> None:
    """Postgres goes away before a signature is kept, and again before it says that the message is due once more."""

    async def test() -> None:
        outbox, courier = MemoryOutbox(), ScriptedCourier(usually_takes=2.0)
        outbox.put("x@1.test")
        outbox.sign = _once_away(outbox.sign, is_done=False)  # type: ignore[method-assign]
        outbox.settle = _once_away(outbox.settle, is_done=True)  # type: ignore[method-assign]
        draining = drain(outbox, courier)
        task = asyncio.create_task(draining.run())
        await seconds(0.2)
        draining.wake()
        await task
        assert courier.recipients() == ["x@1.test"]
        assert outbox.outcomes() == {"x@1.test": [UNTRIED, UNTRIED, DONE]}

    fakes.run(test())


def _once_away(act: Callable[..., Awaitable[Any]], *, is_done: bool) -> Callable[..., Awaitable[Any]]:
    """Let Postgres go away at the first call: after it was done, or before."""
    calls = count()

    async def once(*items: Any) -> Any:
        is_first = not next(calls)
        if is_first and not is_done:
            raise Unavailable
        answer = await act(*items)
        if is_first:
            raise Unavailable
        return answer

    return once


def test_what_is_due_and_not_to_be_had_is_not_asked_for_again_and_again() -> None:
    async def test() -> None:
        outbox, courier = MemoryOutbox(), ScriptedCourier()
        outbox.put("x@1.test")
        hidden, outbox.due = outbox.due, {}
        outbox.on_release = lambda: outbox.due.update({1: []} if outbox.calls["release"] > 60 else hidden)
        draining = drain(outbox, courier)
        claim = outbox.claim

        async def nothing(*_: object) -> list[object]:
            outbox.calls["claim"] += 1
            return []

        outbox.claim = nothing  # type: ignore[assignment,method-assign]
        await draining.run()
        assert now() > 1000 + 50
        outbox.claim = claim  # type: ignore[method-assign]

    fakes.run(test())


def test_nothing_is_claimed_where_the_lease_may_have_ended() -> None:
    async def test() -> None:
        outbox, courier = MemoryOutbox(), ScriptedCourier()
        outbox.put(*names(3))
        draining = drain(outbox, courier, may_dial=False)
        task = asyncio.create_task(draining.run())
        await seconds(10)
        draining.stop()
        await task
        assert (courier.sent, outbox.calls["claim"]) == ([], 0)
        assert outbox.calls["release"] < 20

    fakes.run(test())


def test_a_stopped_drain_finishes_its_letters_and_puts_the_backlog_back() -> None:
    async def test() -> None:
        outbox, courier = MemoryOutbox(), ScriptedCourier(usually_takes=5.0)
        outbox.put(*names(BACKLOG))
        draining = drain(outbox, courier)
        task = asyncio.create_task(draining.run())
        await seconds(1)
        draining.stop()
        await task
        outcomes = Counter(row.outcome for _, row in outbox.settled)
        assert outcomes == {DONE: CONNECTIONS, UNTRIED: BACKLOG - CONNECTIONS}
        assert len(courier.sent) == CONNECTIONS

    fakes.run(test())


def test_mail_for_a_domain_the_operator_closed_is_refused_undialled() -> None:
    async def test() -> None:
        outbox, courier = MemoryOutbox(is_closed_by_operator=True), ScriptedCourier()
        outbox.put(*names(3))
        await drain(outbox, courier).run()
        assert (courier.sent, len(fakes.done(outbox)), len(outbox.reports)) == ([], 3, 3)
        assert b"does not exchange mail" in outbox.reports[0].octets

    fakes.run(test())


def test_a_suspect_on_its_way_holds_up_nobody() -> None:
    async def test() -> None:
        outbox, courier = MemoryOutbox(), ScriptedCourier(takes={"suspect@1.test": 500.0})
        outbox.put("suspect@1.test", is_suspect=True)
        draining = drain(outbox, courier)
        task = asyncio.create_task(draining.run())
        await seconds(0.0)
        outbox.put(*names(3))
        await seconds(5)
        assert len(fakes.done(outbox)) == 3
        await task

    fakes.run(test())


# Memory -------------------------------------------------------------------------------------------------------------


def weight(number: int) -> int:
    return number * len(BODY)


@pytest.mark.parametrize(
    ("octets", "most"),
    [(0, 1), (INLINE - 1, 1), (BACKLOG * INLINE, BACKLOG)],
    ids=["none is left", "less than for one", "plenty"],
)
def test_no_more_is_claimed_than_memory_allows_and_everything_is_carried(octets: int, most: int) -> None:
    async def test() -> None:
        outbox, courier, claims = MemoryOutbox(), ScriptedCourier(), []
        desk, claim = office(outbox, inline=Inline(octets)), outbox.claim

        async def counted(leased: Leased, number: int) -> list[Claimed]:
            claims.append(number)
            assert desk.inline.free <= octets - number * INLINE  # put by before the answer is here
            return await claim(leased, number)

        outbox.claim = counted  # type: ignore[method-assign]
        outbox.put(*names(40))
        await drain(outbox, courier, desk=desk).run()
        assert (max(claims), courier.most) == (most, min(most, CONNECTIONS))
        assert Counter(fakes.done(outbox)) == Counter(names(40))
        assert desk.inline.free == octets

    fakes.run(test())


def test_what_waits_and_what_is_under_way_weighs() -> None:
    async def test() -> None:
        outbox = MemoryOutbox()
        courier = ScriptedCourier(usually_takes=20.0, takes={"0@1.test": 5.0, "1@1.test": 10.0})
        desk = office(outbox, inline=Inline(10 * INLINE))
        outbox.put(*names(6))
        task = asyncio.create_task(drain(outbox, courier, desk=desk).run())
        for waited, left in ((4, 6), (4, 5), (4, 4)):
            await seconds(waited)
            assert desk.inline.free == 10 * INLINE - weight(left)
        await task

    fakes.run(test())


@pytest.mark.parametrize("end", ["cancelled", "failed"])
def test_a_drain_that_ends_badly_holds_no_memory(end: str) -> None:
    async def test() -> None:
        outbox, courier = MemoryOutbox(), ScriptedCourier(usually_takes=1.0)
        desk = office(outbox, inline=Inline(0))

        async def fail(_: object) -> object:
            raise RuntimeError("x@1.test")

        if end == "failed":
            outbox.settle = fail  # type: ignore[assignment,method-assign]
        outbox.put(*names(BACKLOG))
        task = asyncio.create_task(drain(outbox, courier, desk=desk).run())
        await seconds(0.5)
        assert desk.inline.free < 0
        if end == "cancelled":
            task.cancel()
        await asyncio.wait([task])
        assert desk.inline.free == 0

    fakes.run(test())


def test_large_letters_that_find_no_room_hold_up_no_small_ones() -> None:
    async def test() -> None:
        outbox, courier = MemoryOutbox(), ScriptedCourier()
        desk = office(outbox, _room=Room(100))
        large = [f"large{number}@1.test" for number in range(20)]
        outbox.put(*large, data=None, large_header=HEADER, size=20)
        outbox.bodies.update({one.message_id: BODY for one in outbox.due[1]})
        outbox.put(*names(30))
        async with desk._room.take(7, 20, 0.0):  # the same sender's letters elsewhere, on slow connections
            task = asyncio.create_task(drain(outbox, courier, desk=desk).run())
            await seconds(ROOM_SECONDS - 1)
            assert sorted(courier.recipients()) == sorted(names(30))
            await task
        for _ in range(20):
            await seconds(100)
            await drain(outbox, courier, desk=desk).run()
        assert Counter(fakes.done(outbox)) == Counter([*names(30), *large])

    fakes.run(test())
