import asyncio

import pytest
from imap.outlet import Outlet
from imap.state import CutOff

from tests.dialogs.player import MemoryTransport


class Writes(MemoryTransport):
    def __init__(self) -> None:
        super().__init__(asyncio.Protocol())
        self.writes: list[bytes] = []

    def write(self, data: object) -> None:
        assert isinstance(data, bytes)
        self.writes.append(data)


async def test_a_burst_is_one_write() -> None:
    transport = Writes()
    outlet = Outlet(transport)
    outlet.write(b"one ")
    outlet.write(b"two")
    assert (transport.writes, outlet.size) == ([], 7)
    outlet.flush()
    outlet.flush()
    assert (transport.writes, outlet.size) == ([b"one two"], 0)


async def test_drain_lets_others_have_a_turn() -> None:
    turns: list[str] = []
    asyncio.get_running_loop().call_soon(turns.append, "other")
    await Outlet(Writes()).drain()
    assert turns == ["other"]


async def test_drain_waits_for_a_client_that_does_not_read() -> None:
    outlet = Outlet(Writes())
    outlet.pause(1.0)
    draining = asyncio.create_task(outlet.drain())
    for _ in range(5):
        await asyncio.sleep(0)
    assert not draining.done()
    outlet.resume()
    await draining
    assert outlet.paused_at is None


async def test_drain_ends_when_nobody_listens() -> None:
    outlet = Outlet(Writes())
    outlet.pause(1.0)
    draining = asyncio.create_task(outlet.drain())
    await asyncio.sleep(0)
    outlet.is_closed = True
    outlet.resume()
    with pytest.raises(CutOff):
        await draining
