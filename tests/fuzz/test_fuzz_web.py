"""Invariant: no request, however odd, gets a 5xx, makes an account without a token, or raises out of the protocol.

Two levels: requests that a parser accepted, and octets on the connection.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import quote, urlencode

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from register.server import HttpServer
from starlette.types import Message

from shared.listen.ticket import Ticket
from tests.unit.register.fakes import Clock, FakeAccounts, web

PATHS = ["/", "/new", "/qr", "/health", "/style.css", "/favicon.ico", "/mail/config-v1.1.xml", "/nowhere", "//", "*"]
METHODS = ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "PROPFIND"]
NAMES = ["content-type", "content-length", "host", "cookie", "range", "accept", "origin", "expect", "x-forwarded-host"]
ODD = st.text(st.characters(codec="utf-8"), max_size=40)
QUERY = st.dictionaries(st.sampled_from(["t", "token", "data", "x"]), ODD | ODD.map("dclogin:".__add__), max_size=3)
BODIES = [b'{"token":', b'{"token":{}}', b"t=%", b"t=%00", b"[" * 5000, b"1e999"]
BODY = st.binary(max_size=200) | st.sampled_from(BODIES)
HEADERS = st.dictionaries(st.sampled_from(NAMES), st.binary(max_size=30).filter(lambda v: not set(v) & set(b"\r\n\0")))


@pytest.fixture(scope="module")
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as running:
        yield running


ACCOUNTS = {mode: FakeAccounts(mode, {"secret": 1}) for mode in ("open", "token", "closed")}
CLOCK = Clock()
APPS = {mode: web(accounts, clock=CLOCK) for mode, accounts in ACCOUNTS.items()}


async def status_of(mode: str, scope: dict[str, object], body: bytes) -> int:
    statuses: list[int] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    await APPS[mode](scope, receive, send)
    [status] = statuses
    return status


@settings(max_examples=300, deadline=None, derandomize=True)
@given(
    st.sampled_from(sorted(APPS)),
    st.sampled_from(METHODS),
    st.sampled_from(PATHS) | ODD.map("/".__add__),
    QUERY.map(urlencode) | ODD,
    HEADERS,
    BODY,
)
def test_requests(
    runner: asyncio.Runner, mode: str, method: str, path: str, query: str, headers: dict[str, bytes], body: bytes
) -> None:
    CLOCK.now += 60  # the limits are tested elsewhere
    scope: dict[str, object] = {
        "type": "http",
        "method": method,
        "scheme": "https",
        "path": path,
        "raw_path": quote(path).encode(),
        "query_string": query.encode(),
        "headers": [(name.encode(), value) for name, value in headers.items()],
        "client": ("source", 0),
    }
    assert runner.run(status_of(mode, scope, body)) < 500
    assert ACCOUNTS[mode].made == {}


class Wire(asyncio.Transport):
    """A transport that remembers."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.is_closed = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += bytes(data)

    def close(self) -> None:
        self.is_closed = True

    def is_closing(self) -> bool:
        return self.is_closed

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...


PIECES = [
    *(b"GET / HTTP/1.1\r\n", b"POST /new HTTP/1.1\r\n", b"GET ", b"/qr?data=", b"%", b"%zz", b" HTTP/1.1\r\n"),
    *(b" HTTP/9.9", b"Host: x\r\n", b"Connection: close\r\n", b"Connection: upgrade\r\n", b"Upgrade: websocket\r\n"),
    *(b"\r\n", b"\n", b"\r", b"\0", b"\xff", b"hello", b"5\r\n", b"0\r\n\r\n", b"Expect: 100-continue\r\n"),
    *(b"Content-Length: 5\r\n", b"Content-Length: -1\r\n", b"Transfer-Encoding: chunked\r\n"),
    *(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"CONNECT a:1 HTTP/1.1\r\n", b"OPTIONS * HTTP/1.1\r\n"),
]


@contextmanager
def connected(wire: Wire) -> Iterator[asyncio.Protocol]:
    connection = HttpServer(web(FakeAccounts(), clock=Clock())).speak("http")(Ticket("source"))
    connection.connection_made(wire)
    try:
        yield connection
    finally:
        connection.connection_lost(None)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.lists(st.lists(st.sampled_from(PIECES) | st.binary(max_size=8)).map(b"".join), max_size=6))
@example([b"GET /health HTTP/1.1\r\n\r\n" * 50])
@example([b"GET / HTTP/1.1\r\nX: " + b"y" * 100_000])
def test_octets(runner: asyncio.Runner, received: list[bytes]) -> None:
    async def feed() -> bytes:
        wire = Wire()
        with connected(wire) as connection:
            for part in received:
                if not wire.is_closed:
                    connection.data_received(part)
                for _ in range(10):  # lets the app answer
                    await asyncio.sleep(0)
        return wire.written

    written = runner.run(feed())
    assert b"HTTP/1.1 5" not in written
    assert not written or written.startswith(b"HTTP/1.1 ")
