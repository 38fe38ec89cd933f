import asyncio
import random
import zlib

import pytest
from imap.deflate import BURST
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


async def test_what_is_compressed_leaves_in_bursts_with_turns_between() -> None:
    transport = Writes()
    outlet = Outlet(transport)
    outlet.is_compressed = True
    text = random.Random(1).randbytes(3 * BURST + 1)
    outlet.write(text[:100])
    outlet.write(text[100:])
    turns = 0

    def turn() -> None:
        nonlocal turns
        turns += 1
        asyncio.get_running_loop().call_soon(turn)

    turn()
    await outlet.drain()
    assert turns >= 4
    stream = zlib.decompressobj(-15)
    assert [len(stream.decompress(data)) for data in transport.writes] == [BURST, BURST, BURST, 1]
    outlet.write(b"more")
    outlet.flush()
    assert stream.decompress(transport.writes[-1]) == b"more"
