"""A compressed connection on a socket or in memory: bombs, slow readers, large messages, and the turns of others."""

import asyncio
import random
import tracemalloc
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from imap.deflate import SLICE
from imap.wire.framer import AFTER_LOGIN

from tests.dialogs.imap_rig import ANN, APPEND_LIMIT, SECRET, Rig
from tests.dialogs.player import DeflatedWire, Dialog, MemoryWire, SocketWire

LARGE = 30_000_000


def compressing_rig() -> Rig:
    return Rig(Dialog("unit", [], [("compress", "yes")]), None)


async def say(wire: MemoryWire | SocketWire | DeflatedWire, text: str) -> bytes:
    """Send one command and return the last line of its answer."""
    await wire.send(f"a {text}\r\n".encode())
    while not (line := await wire.readline()).startswith(b"a "):
        assert line, "closed"
    return line


async def begun(wire: MemoryWire | SocketWire) -> DeflatedWire:
    for command in (f"LOGIN {ANN} {SECRET}", "SELECT INBOX", "COMPRESS DEFLATE"):
        assert (await say(wire, command)).startswith(b"a OK")
    return DeflatedWire(wire)


@asynccontextmanager
async def on_a_socket(rig: Rig) -> AsyncIterator[tuple[SocketWire, DeflatedWire]]:
    listener, wire = await rig.on_socket(holds=64 * 1024)
    try:
        await wire.readline()
        rig.connections[-1]._talk.is_tls = True
        yield wire, await begun(wire)
    finally:
        await wire.close()
        await listener.drain(5)


def large_message() -> bytes:
    noise = random.Random(1).randbytes(LARGE // 2).hex()
    return b"Subject: x\r\n\r\n" + noise.encode()


async def test_a_large_message_comes_whole() -> None:
    rig = compressing_rig()
    body = large_message()
    rig.store.deliver(rig.inbox.mailbox_id, body)
    async with on_a_socket(rig) as (_, wire):
        await wire.send(b"b UID FETCH 1 BODY.PEEK[]\r\n")
        said = bytearray()
        while not said.endswith(b"b OK Done\r\n"):
            said += await wire.read()
        head, tail = b"* 1 FETCH (UID 1 BODY[] {%d}\r\n" % len(body), b")\r\nb OK Done\r\n"
        assert said == head + body + tail


async def test_a_large_message_is_not_held_for_a_slow_reader() -> None:
    rig = compressing_rig()
    rig.store.deliver(rig.inbox.mailbox_id, large_message())
    async with on_a_socket(rig) as (_, wire):
        await wire.send(b"b UID FETCH 1 BODY.PEEK[]\r\n")
        (served,) = rig.connections
        while served._outlet.paused_at is None:
            await asyncio.sleep(0.01)
        for _ in range(20):
            await asyncio.sleep(0.01)
            assert served._outlet.size + served._transport.get_write_buffer_size() < 1 << 20
        other = rig.in_memory()
        await other.readline()
        assert await say(other, "NOOP") == b"a OK Done\r\n"
        await other.close()


async def test_commands_without_reading_the_answers() -> None:
    rig = compressing_rig()
    rig.store.deliver(rig.inbox.mailbox_id, b"Subject: x\r\n\r\n" + random.Random(1).randbytes(30_000).hex().encode())
    async with on_a_socket(rig) as (raw, _):
        (served,) = rig.connections
        numbers = random.Random(2)
        commands = b"".join(b"b%d UID FETCH 1 BODY.PEEK[]\r\n" % numbers.getrandbits(64) for _ in range(60_000))
        stream = zlib.compressobj(1, zlib.DEFLATED, -15)
        sending = asyncio.create_task(raw.send(stream.compress(commands) + stream.flush(zlib.Z_SYNC_FLUSH)))
        while served._is_reading:
            await asyncio.sleep(0.01)
        for _ in range(30):
            await asyncio.sleep(0.01)
        assert len(served._framer) <= AFTER_LOGIN + SLICE
        assert served._waiting + served._outlet.size + served._transport.get_write_buffer_size() < 2 << 20
        sending.cancel()


def bomb(piece: bytes, times: int) -> bytes:
    """What inflates to many times `piece`: blocks that refer to nothing before them can be repeated."""
    stream = zlib.compressobj(9, zlib.DEFLATED, -15)
    return (stream.compress(piece) + stream.flush(zlib.Z_FULL_FLUSH)) * times


async def test_a_gigabyte_in_a_megabyte_is_an_overlong_line() -> None:
    rig = compressing_rig()
    wire = rig.in_memory()
    await wire.readline()
    inner = await begun(wire)
    data = bomb(b"\0" * (1 << 24), 64)
    assert len(data) < 1_100_000
    tracemalloc.start()
    await wire.send(data)
    assert await inner.readline() == b"* BAD Command too long\r\n"
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert await inner.readline() == b"* BYE [TOOBIG] Command too long\r\n"
    assert await inner.readline() == b""
    assert peak < 4 * len(data)


async def test_a_bomb_of_commands_leaves_others_their_turns() -> None:
    rig = compressing_rig()
    wire, other = rig.in_memory(), rig.in_memory()
    await wire.readline()
    await other.readline()
    await begun(wire)
    await wire.send(bomb(b"a NOOP\r\n" * 100_000, 10))
    (served, _) = rig.connections
    for _ in range(20):
        assert await say(other, "NOOP") == b"a OK Done\r\n"
        assert len(served._framer) <= SLICE + 10
    assert served._inflater is not None
    assert served._inflater.has_more
    await wire.close()
    await other.close()


async def test_a_message_leaves_others_their_turns() -> None:
    rig = compressing_rig()
    wire = rig.in_memory()
    await wire.readline()
    inner = await begun(wire)
    await inner.send(b"a APPEND INBOX {%d}\r\n" % APPEND_LIMIT)
    assert await inner.readline() == b"+ Go on\r\n"
    turns = 0

    def turn() -> None:
        nonlocal turns
        turns += 1
        asyncio.get_running_loop().call_soon(turn)

    turn()
    await inner.send(b"x" * APPEND_LIMIT + b"\r\n")
    assert await inner.readline() == b"* 1 EXISTS\r\n"
    assert turns >= APPEND_LIMIT // SLICE
    await wire.close()


async def test_a_bomb_of_lines_ends_with_the_twentieth() -> None:
    rig = compressing_rig()
    wire = rig.in_memory()
    await wire.readline()
    inner = await begun(wire)
    await wire.send(bomb(b"\r\n" * 1_000_000, 10))
    lines = []
    while line := await inner.readline():
        lines.append(line)
    assert len(lines) == 21
    assert lines[-1] == b"* BYE Too many bad commands\r\n"


async def test_what_is_no_deflate_ends_the_connection() -> None:
    rig = compressing_rig()
    wire = rig.in_memory()
    await wire.readline()
    inner = await begun(wire)
    await wire.send(b"\xff\xff\xff")
    assert await inner.readline() == b"* BYE Not DEFLATE\r\n"
    assert await inner.readline() == b""
    while len(rig.registry):
        await asyncio.sleep(0)
