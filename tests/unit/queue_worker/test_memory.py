"""Room for large letters in the order they came, but for who has his share; and octets that come with claims."""

import asyncio

import pytest
from queue_worker.memory import Inline, NoRoom, Room

from tests.unit.queue_worker import fakes
from tests.unit.queue_worker.fakes import FOREVER, now, seconds


async def stay(room: Room, log: list[tuple[str, int]], name: str, octets: int, sender: object = None) -> None:
    """Hold so many octets for a second; each name is a sender of its own unless told."""
    async with room.take(sender or name, octets, FOREVER):
        log.append((name, round(now() - 1000)))
        await seconds(1)


def test_room_is_given_in_order_and_never_more_than_there_is() -> None:
    async def test() -> None:
        room, log = Room(100), []
        wanted = [("a", 60), ("whole", 10**9), ("b", 10), ("c", 10)]
        await asyncio.gather(*(stay(room, log, name, octets) for name, octets in wanted))
        assert log == [("a", 0), ("whole", 1), ("b", 2), ("c", 2)]

    fakes.run(test())


def test_others_go_past_one_who_has_his_share() -> None:
    async def test() -> None:
        room, log = Room(100), []
        wanted = [("a1", 20, "a"), ("a2", 20, "a"), ("a3", 5, "a"), ("b", 60, "b"), ("c", 10, "c")]
        await asyncio.gather(*(stay(room, log, *one) for one in wanted))
        assert log == [("a1", 0), ("a3", 0), ("b", 0), ("c", 0), ("a2", 1)]

    fakes.run(test())


@pytest.mark.parametrize("patience", [0.0, 5.0])
def test_who_waits_too_long_goes_away_and_is_in_nobodys_way(patience: float) -> None:
    async def test() -> None:
        room, log = Room(100), []
        async with room.take("a", 90, 0.0):
            waiting = asyncio.create_task(room.take("b", 50, patience).__aenter__())
            behind = asyncio.create_task(stay(room, log, "c", 10))
            with pytest.raises(NoRoom):
                await waiting
            await behind
        assert log == [("c", round(patience))]
        async with room.take("d", 100, 0.0):  # all is there again
            pass

    fakes.run(test())


@pytest.mark.parametrize("is_let_in", [False, True])
def test_who_is_cancelled_holds_nothing(is_let_in: bool) -> None:
    async def test() -> None:
        room = Room(100)
        held = room.take("a", 100, 0.0)
        await held.__aenter__()
        waiting = asyncio.create_task(room.take("b", 100, FOREVER).__aenter__())
        await seconds(1)
        if is_let_in:
            await held.__aexit__(None, None, None)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        if not is_let_in:
            await held.__aexit__(None, None, None)
        async with room.take("c", 100, 0.0):
            pass

    fakes.run(test())


def test_what_is_held_inline_is_what_was_said_last() -> None:
    inline = Inline(100)
    for who, octets, free in [("a", 60, 40), ("b", 50, -10), ("a", 10, 40), ("b", 0, 90), ("a", 0, 100), ("c", 0, 100)]:
        inline.hold(who, octets)
        assert inline.free == free
