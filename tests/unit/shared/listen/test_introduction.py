"""Connections that a proxy brings, on real loopback sockets."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from shared.listen import listener as listening
from shared.listen import trusted as trusting
from shared.listen.certificate import Certificate
from shared.listen.door import Door
from shared.listen.limits import SourceLimits
from shared.listen.listener import Listener
from shared.listen.ticket import Ticket
from shared.listen.trusted import Trusted

REFUSAL = b"421 too many\r\n"
LOCAL = b"\r\n\r\n\x00\r\nQUIT\n\x20\x00\x00\x00"


class Teller(asyncio.Protocol):
    """Says who is there, and repeats what it hears."""

    def __init__(self, ticket: Ticket) -> None:
        self.ticket = ticket

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.ticket.on_drain = transport.close
        transport.write(f"{self.ticket.peer} {self.ticket.source}\r\n".encode())

    def data_received(self, data: bytes) -> None:
        self.transport.write(data)

    def connection_lost(self, _error: Exception | None) -> None:
        self.ticket.close()


def header(client: str) -> bytes:
    return f"PROXY TCP4 {client} 192.0.2.1 50000 25\r\n".encode()


@asynccontextmanager
async def opened(
    limits: SourceLimits, tls: ssl.SSLContext | None = None, proxies: str = "127.0.0.1"
) -> AsyncIterator[tuple[Listener, int]]:
    door = Door("127.0.0.1", 0, Teller, tls, REFUSAL)
    listener = Listener([door], limits, proxies=Trusted([proxies]), many=Trusted(["127.0.0.3"]))
    await listener.open()
    try:
        yield listener, listener.ports[0]
    finally:
        await listener.drain(1)


async def call(
    port: int, *sent: bytes, source: str = "127.0.0.1"
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter, bytes]:
    """Connect, send, and return the first line of the answer; nothing if there is none."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=(source, 0))
    for part in sent:
        writer.write(part)
        await writer.drain()
        await asyncio.sleep(0.01 if len(sent) > 1 else 0)
    async with asyncio.timeout(10):
        try:
            line = await reader.readline()
        except ConnectionError:
            line = b""
    return reader, writer, line


def many() -> SourceLimits:
    return SourceLimits(1000, 1000, 1000)


async def test_the_client_is_whom_the_proxy_names() -> None:
    limits = many()
    async with opened(limits) as (_, port):
        reader, writer, line = await call(port, header("192.0.2.7") + b"NOOP\r\n")
        assert line.decode().split() == ["192.0.2.7", limits.source("192.0.2.7")]
        assert await reader.readline() == b"NOOP\r\n"
        writer.close()


async def test_a_header_in_pieces() -> None:
    async with opened(many()) as (_, port):
        said = header("192.0.2.7") + b"NOOP\r\n"
        reader, writer, line = await call(port, *(said[at : at + 5] for at in range(0, len(said), 5)))
        assert line.startswith(b"192.0.2.7 ")
        assert await reader.readexactly(6) == b"NOOP\r\n"
        writer.close()


async def test_tls_begins_after_the_header(pair: tuple[str, str]) -> None:
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname, client.verify_mode = False, ssl.CERT_NONE
    to_read, to_send = ssl.MemoryBIO(), ssl.MemoryBIO()
    session = client.wrap_bio(to_read, to_send)
    with pytest.raises(ssl.SSLWantReadError):
        session.do_handshake()
    async with opened(many(), Certificate(pair, None).context()) as (_, port):
        # The header and the hello in one segment.
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(header("192.0.2.7") + to_send.read())
        answer = b""
        async with asyncio.timeout(10):
            while not answer:
                to_read.write(await reader.read(65536))
                try:
                    answer = session.read(100)
                except ssl.SSLWantReadError:
                    writer.write(to_send.read())
        assert answer.startswith(b"192.0.2.7 ")
        writer.close()


async def test_limits_are_those_of_the_client() -> None:
    async with opened(SourceLimits(1000, 1, 1000)) as (_, port):
        _, first, line = await call(port, header("192.0.2.7"))
        assert line.startswith(b"192.0.2.7 ")
        _, second, line = await call(port, header("192.0.2.7"))
        assert line == REFUSAL
        _, third, line = await call(port, header("192.0.2.8"))
        assert line.startswith(b"192.0.2.8 ")
        for writer in (first, second, third):
            writer.close()


@pytest.mark.parametrize(
    ("said", "source"),
    [
        pytest.param(LOCAL, "127.0.0.1", id="version 2"),
        pytest.param(b"PROXY UNKNOWN\r\n", "127.0.0.1", id="version 1"),
        pytest.param(b"", "127.0.0.3", id="a host that speaks for many"),
    ],
)
async def test_a_proxy_itself_is_counted_with_all_but_not_as_a_source(said: bytes, source: str) -> None:
    limits = SourceLimits(1, 1, 5)
    async with opened(limits) as (_, port):
        calls = [await call(port, said, source=source) for _ in range(6)]
        for _, writer, _ in calls:
            writer.close()
    *let_in, one_too_many = [line for _, _, line in calls]
    assert all(line.startswith(f"{source} ".encode()) for line in let_in)
    assert one_too_many == REFUSAL


@pytest.mark.parametrize(
    "said",
    [
        pytest.param(b"EHLO x\r\n" * 5, id="no header"),
        pytest.param(b"PROXY TCP4 192.0.2.7 here 1 1\r\n" + b" " * 20, id="malformed"),
        pytest.param(b"\x16\x03\x01" + bytes(100), id="TLS at once"),
    ],
)
async def test_a_proxy_without_a_header_is_told_nothing(said: bytes) -> None:
    limits = many()
    async with opened(limits) as (_, port):
        _, writer, line = await call(port, said)
        assert line == b""
        assert not limits.tickets
        writer.close()


async def test_a_proxy_that_only_looks_is_no_trouble(capfd: pytest.CaptureFixture[str]) -> None:
    async with opened(many()) as (_, port):
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.close()
        _, writer, line = await call(port, header("192.0.2.7"))
        assert line.startswith(b"192.0.2.7 ")
        writer.close()
    assert "no_proxy_header" not in capfd.readouterr().err


async def test_a_silent_proxy_is_closed_and_holds_nobody_up(monkeypatch: pytest.MonkeyPatch) -> None:
    async with opened(many()) as (_, port):
        silent = await asyncio.open_connection("127.0.0.1", port)
        _, writer, line = await call(port, header("192.0.2.7"))
        assert line.startswith(b"192.0.2.7 ")
        writer.close()
        silent[1].close()
    monkeypatch.setattr(listening, "HEADER_SECONDS", 0.05)
    async with opened(many()) as (_, port):
        _, writer, line = await call(port, header("192.0.2.7")[:20])
        assert line == b""
        writer.close()


async def test_headers_awaited_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listening, "MAX_INTRODUCING", 1)
    async with opened(many()) as (_, port):
        _, silent = await asyncio.open_connection("127.0.0.1", port)
        _, writer, line = await call(port)
        assert line == b""
        writer.close()
        silent.close()


async def test_a_drain_ends_the_wait_for_a_header() -> None:
    async with opened(many()) as (listener, port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.sleep(0.05)
        await listener.drain(5)
        async with asyncio.timeout(10):
            assert await reader.read() == b""
        writer.close()


async def test_a_proxy_that_was_started_anew_is_recognized(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trusting, "HURRY_SECONDS", 0.0)
    async with opened(many(), proxies="localhost") as (_, port):  # nobody has looked yet
        _, writer, line = await call(port, header("192.0.2.7"))
        assert line.startswith(b"192.0.2.7 ")
        writer.close()
        _, writer, line = await call(port, source="127.0.0.2")  # and a stranger is one after the look, too
        assert line.startswith(b"127.0.0.2 ")
        writer.close()


async def test_a_web_proxy_that_was_started_anew_is_recognized(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trusting, "HURRY_SECONDS", 0.0)
    door = Door("127.0.0.1", 0, Teller, None, REFUSAL)
    listener = Listener([door], SourceLimits(1, 1, 100), many=Trusted(["localhost"]))  # nobody has looked yet
    await listener.open()
    calls = [await call(listener.ports[0]) for _ in range(3)]
    assert all(line.startswith(b"127.0.0.1 ") for _, _, line in calls)
    for _, writer, _ in calls:
        writer.close()
    await listener.drain(1)


async def test_a_stranger_s_header_is_its_own_words() -> None:
    async with opened(many(), proxies="127.0.0.9") as (_, port):
        reader, writer, line = await call(port, header("192.0.2.7"), source="127.0.0.2")
        assert line.startswith(b"127.0.0.2 ")
        assert await reader.readline() == header("192.0.2.7")
        writer.close()


async def test_proxies_are_given_time_to_send_people_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listening, "FAREWELL_SECONDS", 0.3)
    async with opened(many()) as (listener, port):
        leaving = asyncio.create_task(listener.say_farewell())
        await asyncio.sleep(0)
        _, writer, line = await call(port, header("192.0.2.7"))
        assert line, "the doors are open"
        assert not leaving.done()
        writer.close()
        await leaving
    monkeypatch.setattr(listening, "FAREWELL_SECONDS", 600)
    async with asyncio.timeout(10):
        await Listener([], many()).say_farewell()  # where there is no proxy nobody is waited for
