"""The accept path on real loopback sockets."""

import asyncio
import errno
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from ipaddress import IPv4Address

import pytest

from shared.listen import bind as binding
from shared.listen import listener as listening
from shared.listen.certificate import Certificate
from shared.listen.door import Door
from shared.listen.limits import SourceLimits
from shared.listen.listener import Listener
from shared.listen.ticket import Ticket

REFUSAL = b"421 too many\r\n"


class Echo(asyncio.Protocol):
    """Greets, repeats, and ends when told to drain."""

    def __init__(self, ticket: Ticket) -> None:
        self.ticket = ticket

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.ticket.on_drain = transport.close
        transport.write(b"hello\r\n")

    def data_received(self, data: bytes) -> None:
        self.transport.write(data)

    def connection_lost(self, _error: Exception | None) -> None:
        self.ticket.close()


def many() -> SourceLimits:
    return SourceLimits(1000, 1000, 1000)


@asynccontextmanager
async def opened(
    *doors: Door, limits: SourceLimits | None = None, has_siblings: bool = False
) -> AsyncIterator[Listener]:
    listener = Listener(doors, limits or many(), has_siblings=has_siblings)
    await listener.open()
    try:
        yield listener
    finally:
        await listener.drain(1)


async def first_line(port: int, tls: ssl.SSLContext | None = None) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=tls)
    line = await reader.readline()
    writer.close()
    return line


def trusting() -> ssl.SSLContext:
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname, client.verify_mode = False, ssl.CERT_NONE
    return client


async def test_clear_and_tls_doors(pair: tuple[str, str]) -> None:
    tls = Certificate(pair, None).context()
    async with opened(Door("127.0.0.1", 0, Echo), Door("127.0.0.1", 0, Echo, tls=tls)) as listener:
        assert await first_line(listener.ports[0]) == b"hello\r\n"
        assert await first_line(listener.ports[1], trusting()) == b"hello\r\n"


async def test_one_too_many_is_told_and_closed() -> None:
    limits = SourceLimits(1000, 1, 1000)
    async with opened(Door("127.0.0.1", 0, Echo, refusal=REFUSAL), limits=limits) as listener:
        reader, writer = await asyncio.open_connection("127.0.0.1", listener.ports[0])
        assert await reader.readline() == b"hello\r\n"
        refused, other = await asyncio.open_connection("127.0.0.1", listener.ports[0])
        assert await refused.read() == REFUSAL
        other.close()
        writer.close()
        await asyncio.sleep(0)
        while limits.tickets:
            await asyncio.sleep(0.01)
        assert await first_line(listener.ports[0]) == b"hello\r\n"


async def test_one_too_many_under_tls_costs_no_handshake(pair: tuple[str, str]) -> None:
    tls = Certificate(pair, None).context()
    door = Door("127.0.0.1", 0, Echo, tls=tls, refusal=REFUSAL)
    async with opened(door, limits=SourceLimits(1000, 0, 1000)) as listener:
        reader, writer = await asyncio.open_connection("127.0.0.1", listener.ports[0])
        assert await reader.read() == b""
        writer.close()


async def test_t12_silent_handshake_is_ended_and_its_ticket_given_back(
    pair: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listening, "HANDSHAKE_SECONDS", 0.05)
    limits = many()
    tls = Certificate(pair, None).context()
    async with opened(Door("127.0.0.1", 0, Echo, tls=tls), limits=limits) as listener:
        reader, writer = await asyncio.open_connection("127.0.0.1", listener.ports[0])
        assert await reader.read() == b""
        writer.close()
        assert not limits.tickets


@pytest.mark.parametrize("said", [b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\x00\x05junk!", b""])
async def test_broken_handshake_gives_its_ticket_back(pair: tuple[str, str], said: bytes) -> None:
    limits = many()
    tls = Certificate(pair, None).context()
    async with opened(Door("127.0.0.1", 0, Echo, tls=tls), limits=limits) as listener:
        reader, writer = await asyncio.open_connection("127.0.0.1", listener.ports[0])
        writer.write(said)
        writer.write_eof()
        await reader.read()
        writer.close()
        while limits.tickets:
            await asyncio.sleep(0.01)
        assert await first_line(listener.ports[0], trusting()) == b"hello\r\n"


async def test_a_protocol_that_cannot_be_made_costs_one_connection() -> None:
    fails = iter([True, False])

    def protocol(ticket: Ticket) -> Echo:
        if next(fails):
            raise RuntimeError
        return Echo(ticket)

    limits = many()
    async with opened(Door("127.0.0.1", 0, protocol), limits=limits) as listener:
        assert await first_line(listener.ports[0]) == b""
        assert not limits.tickets
        assert await first_line(listener.ports[0]) == b"hello\r\n"


async def test_drain_tells_protocols_and_waits() -> None:
    limits = many()
    listener = Listener([Door("127.0.0.1", 0, Echo)], limits)
    await listener.open()
    reader, writer = await asyncio.open_connection("127.0.0.1", listener.ports[0])
    assert await reader.readline() == b"hello\r\n"
    await listener.drain(5)
    assert await reader.read() == b""
    writer.close()
    assert not limits.tickets
    with pytest.raises(OSError):
        await asyncio.open_connection("127.0.0.1", listener.ports[0])


async def test_drain_ends_when_its_time_is_up() -> None:
    class Deaf(Echo):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            super().connection_made(transport)
            self.ticket.on_drain = lambda: None

    listener = Listener([Door("127.0.0.1", 0, Deaf)], many())
    await listener.open()
    reader, writer = await asyncio.open_connection("127.0.0.1", listener.ports[0])
    await reader.readline()
    await listener.drain(0.05)
    writer.write(b"in the middle\r\n")
    assert await reader.readline() == b"in the middle\r\n"
    writer.close()
    await writer.wait_closed()


async def test_a_taken_port_is_named() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        listener = Listener([Door("127.0.0.1", 0, Echo), Door("127.0.0.1", port, Echo)], many())
        with pytest.raises(OSError, match=rf"127\.0\.0\.1 port {port}"):
            await listener.open()


async def test_siblings_share_a_port() -> None:
    async with (
        opened(Door("127.0.0.1", 0, Echo), has_siblings=True) as one,
        opened(Door("127.0.0.1", one.ports[0], Echo), has_siblings=True) as other,
    ):
        assert other.ports == one.ports


async def test_a_host_without_ipv6_has_no_such_door(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_ipv6(family: socket.AddressFamily, host: str, port: int, *, has_siblings: bool) -> socket.socket:
        if family == socket.AF_INET6:
            raise OSError(errno.EAFNOSUPPORT, "Address family not supported by protocol")
        return bound(family, host, port, has_siblings=has_siblings)

    bound = binding._bound
    monkeypatch.setattr(binding, "_bound", no_ipv6)
    async with opened(Door("::", 0, Echo), Door("127.0.0.1", 0, Echo)) as listener:
        assert listener.ports[0] == 0
        assert await first_line(listener.ports[1]) == b"hello\r\n"
    with pytest.raises(OSError, match="::1 port 0"):
        await Listener([Door("::1", 0, Echo)], many()).open()


@pytest.mark.parametrize("unforeseen", [[], [OSError(errno.ENETDOWN, "Network is down")], [ValueError("what is this")]])
async def test_no_error_ends_accepting(monkeypatch: pytest.MonkeyPatch, unforeseen: list[Exception]) -> None:
    loop = asyncio.get_running_loop()
    accept: Callable[..., object] = loop.sock_accept
    failures = iter([OSError(errno.EMFILE, "Too many open files"), OSError(errno.ECONNABORTED, "gone"), *unforeseen])

    async def failing(sock: socket.socket) -> object:
        error = next(failures, None)
        if error:
            raise error
        return await accept(sock)  # type: ignore[misc]

    monkeypatch.setattr(loop, "sock_accept", failing)
    pauses: list[float] = []
    sleep = asyncio.sleep

    async def remembered(seconds: float) -> None:
        pauses.append(seconds)
        await sleep(0)

    monkeypatch.setattr("shared.listen.listener.asyncio.sleep", remembered)
    async with opened(Door("127.0.0.1", 0, Echo)) as listener:
        async with asyncio.timeout(10):
            assert await first_line(listener.ports[0]) == b"hello\r\n"
    assert pauses == [listening.PAUSE_SECONDS] * (1 + len(unforeseen))


async def test_a_ticket_knows_the_peer() -> None:
    tickets: list[Ticket] = []

    def protocol(ticket: Ticket) -> Echo:
        tickets.append(ticket)
        return Echo(ticket)

    async with opened(Door("127.0.0.1", 0, protocol)) as listener:
        assert await first_line(listener.ports[0]) == b"hello\r\n"
    assert tickets[0].peer == IPv4Address("127.0.0.1")
