"""uvicorn's protocol behind our accept path, on a real socket."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from register import server
from register.server import HttpServer, doors
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from shared.listen.certificate import Certificate
from shared.listen.door import Door
from shared.listen.limits import SourceLimits
from shared.listen.listener import Listener
from shared.storage import selfsigned
from tests.unit.register.fakes import FakeAccounts, web


@asynccontextmanager
async def serving(app: ASGIApp, limits: SourceLimits | None = None) -> AsyncIterator[tuple[Listener, int]]:
    http = HttpServer(app)
    door = Door("127.0.0.1", 0, http.speak("http"), refusal=server.TOO_MANY_CONNECTIONS)
    listener = Listener([door], limits or SourceLimits(1000, 1000, 1000))
    await listener.open()
    try:
        yield listener, listener.ports[0]
    finally:
        await listener.drain(5)


async def exchange(port: int, *sent: bytes) -> bytes:
    """Send, and read until the server closes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    received = b""
    try:
        for part in sent:
            writer.write(part)
            await writer.drain()
        while chunk := await reader.read(65536):
            received += chunk
    except ConnectionError:
        pass
    finally:
        writer.close()
    return received


GET = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"


async def test_a_page_over_a_socket() -> None:
    async with serving(web(FakeAccounts())) as (_, port):
        answer = await exchange(port, GET)
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"\r\ndate: " in head
    assert b"server:" not in head.lower()
    assert body.endswith(b"</html>")


async def test_the_app_sees_a_source_and_no_address() -> None:
    seen: list[Scope] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(scope)
        await PlainTextResponse("")(scope, receive, send)

    limits = SourceLimits(1000, 1000, 1000)
    async with serving(app, limits) as (_, port):
        await exchange(port, GET)
    assert seen[0]["client"] == (limits.source("127.0.0.1"), 0)
    assert seen[0]["scheme"] == "http"
    assert "127.0.0.1" not in str(seen[0])


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        pytest.param(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"400", id="TLS at the clear port"),
        pytest.param(b"EHLO x\r\n\r\n", b"400", id="another protocol"),
        pytest.param(b"GET / HTTP/1.1\r\nHost: x\r\nX" + b"a" * 33_000 + b": 1\r\n\r\n", b"413", id="a long name"),
        pytest.param(b"GET / HTTP/1.1\r\nX: " + b"a" * 33_000, b"413", id="an endless header"),
        pytest.param(b"GET /" + b"a" * 33_000, b"413", id="an endless path"),
        pytest.param(b"GET / HTTP/1.1\r\n" + b"A: 1\r\n" * 10_000, b"413", id="ten thousand headers"),
        pytest.param(
            b"POST /new HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000\r\n\r\n" + bytes(9000),
            b"413",
            id="an announced gigabyte",
        ),
        pytest.param(
            b"POST /new HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1000\r\n" + bytes(40_000),
            b"4",
            id="a large chunk",
        ),
        pytest.param(
            b"POST /new HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            b"400",
            id="two lengths: smuggling",
        ),
        pytest.param(
            b"POST /new HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef",
            b"400",
            id="two different lengths",
        ),
        pytest.param(b"CONNECT evil.example:25 HTTP/1.1\r\nHost: x\r\n\r\n", b"400", id="a proxy is asked for"),
        pytest.param(
            b"GET http://evil.example HTTP/1.1\r\nHost: x\r\n\r\n", b"400", id="an absolute address without a path"
        ),
        pytest.param(b"GET /\xff HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", b"400", id="a path in octets"),
        pytest.param(GET * 200, b"200", id="what follows Connection: close is not read"),
    ],
)
async def test_what_is_refused(request_: bytes, status: bytes) -> None:
    async with serving(web(FakeAccounts())) as (_, port):
        answer = await exchange(port, request_)
        assert answer.startswith(b"HTTP/1.1 " + status)
        assert b"HTTP/1.1 5" not in answer
        assert (await exchange(port, GET)).startswith(b"HTTP/1.1 200")


async def test_websockets_are_not_spoken() -> None:
    upgrade = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, close\r\nUpgrade: websocket\r\n\r\n"
    async with serving(web(FakeAccounts())) as (_, port):
        assert (await exchange(port, upgrade)).startswith(b"HTTP/1.1 200")


async def test_too_many_requests_in_a_row_without_waiting() -> None:
    piped = b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n" * 200
    async with serving(web(FakeAccounts())) as (_, port):
        answer = await exchange(port, piped)
    assert b"HTTP/1.1 400" in answer
    assert answer.count(b"HTTP/1.1 200") <= server.MAX_WAITING + 1


@pytest.mark.parametrize(
    "begun",
    [
        b"",
        b"GET / HT",
        b"GET / HTTP/1.1\r\nX: y\r\n",
        b"POST /new HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc",
    ],
)
async def test_a_request_that_never_ends(begun: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "REQUEST_SECONDS", 0.05)
    async with serving(web(FakeAccounts())) as (_, port):
        assert (await exchange(port, begun)).startswith(b"HTTP/1.1 408")


async def test_dripping_does_not_buy_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "REQUEST_SECONDS", 0.2)
    async with serving(web(FakeAccounts())) as (_, port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET / HTTP/1.1\r\n")
        answer = asyncio.create_task(reader.read())
        while not answer.done():
            writer.write(b"X: y\r\n")
            await asyncio.sleep(0.02)
        writer.close()
    assert answer.exception() is not None or answer.result().startswith(b"HTTP/1.1 408")


async def test_the_second_request_of_a_connection_has_a_deadline_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "REQUEST_SECONDS", 0.2)
    async with serving(web(FakeAccounts())) as (_, port):
        answer = await exchange(port, b"GET /health HTTP/1.1\r\nHost: x\r\n\r\nGET / HT")
    assert answer.startswith(b"HTTP/1.1 200")
    assert b"HTTP/1.1 408" in answer


async def test_a_connection_has_an_end_however_busy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "LIFE_SECONDS", 0.1)
    async with serving(web(FakeAccounts())) as (_, port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        closed = asyncio.create_task(reader.read())
        while not closed.done():
            writer.write(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
            await asyncio.sleep(0.02)
        writer.close()


async def test_a_client_that_reads_nothing_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "LIFE_SECONDS", 0.1)
    monkeypatch.setattr(server, "ENDING_SECONDS", 0.1)
    limits = SourceLimits(1000, 1000, 1000)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await PlainTextResponse("x" * 50_000_000)(scope, receive, send)

    gone = asyncio.Event()
    limits.on_empty = gone.set
    async with serving(app, limits) as (_, port):
        _, writer = await asyncio.open_connection("127.0.0.1", port, limit=1)
        writer.write(GET)
        await gone.wait()
        writer.transport.abort()


async def test_tickets_are_given_back() -> None:
    limits = SourceLimits(1000, 1000, 1000)
    async with serving(web(FakeAccounts()), limits) as (_, port):
        for request in (GET, b"nonsense\r\n\r\n", b"GET / HTTP/1.1\r\nX: " + b"a" * 40_000):
            gone = asyncio.Event()
            limits.on_empty = gone.set
            await exchange(port, request)
            await gone.wait()
    assert not limits.tickets


async def test_one_connection_too_many_is_told_so() -> None:
    async with serving(web(FakeAccounts()), SourceLimits(1000, 1, 1000)) as (_, port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
        await reader.readuntil(b"\r\n\r\n")
        answer = await exchange(port)
        writer.close()
    assert answer.startswith(b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 5\r\n")


async def test_draining_lets_an_answer_finish_and_closes_the_idle() -> None:
    begun, may_end = asyncio.Event(), asyncio.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if Request(scope).url.path == "/slow":
            begun.set()
            await may_end.wait()
        await PlainTextResponse("done")(scope, receive, send)

    async with serving(app) as (listener, port):
        idle, writer = await asyncio.open_connection("127.0.0.1", port)
        slow = asyncio.create_task(exchange(port, b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n"))
        await begun.wait()
        draining = asyncio.create_task(listener.drain(10))
        assert await idle.read() == b""
        writer.close()
        may_end.set()
        assert (await slow).endswith(b"done")
        await draining


async def test_both_doors_speak(tmp_path: Path) -> None:
    names = ["127.0.0.1"]
    certificate, key = selfsigned.make(names)
    (tmp_path / "ca.pem").write_text(certificate)
    http = HttpServer(web(FakeAccounts()))
    tls = Certificate((certificate, key), None).context(alpn=["http/1.1"])
    listener = Listener(doors(http, names, (0, 0), tls), SourceLimits(1000, 1000, 1000))
    await listener.open()
    trusting = ssl.create_default_context(cafile=tmp_path / "ca.pem")
    for scheme, port in zip(("http", "https"), listener.ports, strict=True):
        async with httpx.AsyncClient(verify=trusting) as browser:
            answer = await browser.post(f"{scheme}://127.0.0.1:{port}/new")
            assert set(answer.json()) == {"email", "password", "dclogin_url"}
    await listener.drain(5)


async def test_the_date_goes_on() -> None:
    http = HttpServer(web(FakeAccounts()))
    http._state.default_headers = []
    keeping = asyncio.create_task(http.keep_time())
    await asyncio.sleep(0)
    keeping.cancel()
    assert [name for name, _ in http._state.default_headers] == [b"date"]


def test_every_address_has_both_doors() -> None:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    found = doors(HttpServer(web(FakeAccounts())), ["127.0.0.1", "::1"], (80, 443), tls)
    assert [(door.host, door.port, door.tls) for door in found] == [
        ("127.0.0.1", 80, None),
        ("127.0.0.1", 443, tls),
        ("::1", 80, None),
        ("::1", 443, tls),
    ]
