"""A lane beside a Postgres that is slow, stuck or gone; and what waits before it."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from shared.storage import lane as lane_room
from shared.storage.database import Database
from shared.storage.errors import Unavailable
from shared.storage.lane import Connection
from shared.storage.operation import Light


class Sleep(Light):
    async def run(self, connection: Connection, items: Sequence[float]) -> list[float]:
        for item in items:
            await connection.execute(b"SELECT pg_sleep(%s)", (item,))
        return list(items)


class Heavy(Sleep):
    def weight(self, item: Any, /) -> int:
        return 1024


class Broken(Light):
    async def run(self, connection: Connection, items: Sequence[int]) -> list[int]:
        await connection.execute(b"SELECT 1 / (%s - 1)", (max(items),))
        return list(items)


async def test_an_answer_that_does_not_come_ends_the_wait_and_the_connection(
    imap: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lane_room, "ANSWER_SECONDS", 0.2)
    with pytest.raises(Unavailable):
        await imap.read.submit(Sleep(), 60.0)
    while not imap.read.is_connected:
        await asyncio.sleep(0.01)
    assert await imap.read.submit(Sleep(), 0.0) == 0.0


async def test_who_no_longer_waits_is_left_out(imap: Database) -> None:
    ran: list[float] = []

    class Noted(Sleep):
        async def run(self, connection: Connection, items: Sequence[float]) -> list[float]:
            ran.extend(items)
            return await super().run(connection, items)

    noted = Noted()
    first = asyncio.ensure_future(imap.read.submit(noted, 0.3))
    await asyncio.sleep(0.1)
    given_up, patient = asyncio.ensure_future(imap.read.submit(noted, 0.01)), imap.read.submit(noted, 0.02)
    await asyncio.sleep(0)
    given_up.cancel()
    assert (await first, await patient) == (0.3, 0.02)
    assert ran == [0.3, 0.02]


async def test_what_waits_is_bounded_in_octets(imap: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lane_room, "MAX_WAITING_OCTETS", 4096)
    heavy, waiting = Heavy(), []
    with pytest.raises(Unavailable):
        for _ in range(10):
            waiting.append(asyncio.ensure_future(imap.read.submit(heavy, 0.01)))
    assert len(waiting) >= 4
    assert await asyncio.gather(*waiting) == [0.01] * len(waiting)
    assert await imap.read.submit(heavy, 0.0) == 0.0


async def test_one_bad_item_fails_alone(imap: Database) -> None:
    broken = Broken()
    outcomes = await asyncio.gather(*(imap.read.submit(broken, n) for n in (0, 0, 1)), return_exceptions=True)
    assert outcomes[:2] == [0, 0]
    assert isinstance(outcomes[2], Unavailable)


async def test_a_lane_outlives_what_nobody_foresaw(imap: Database) -> None:
    class Odd(Light):
        def key(self, item: Any, /) -> Any:
            return [item]  # not hashable

        async def run(self, connection: Connection, items: Sequence[float]) -> list[float]:
            return list(items)

    unanswered = imap.read.submit(Odd(), 0.0)
    assert await imap.read.submit(Sleep(), 0.0) == 0.0
    unanswered.cancel()
