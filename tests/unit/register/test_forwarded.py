"""Who asks through a web proxy: the list's reading as a table, and the whole on a real socket."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from ipaddress import ip_address

import pytest
from register import forwarded
from register.forwarded import Forwarding
from register.server import HttpServer, Large
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from shared.listen.door import Door
from shared.listen.limits import SourceLimits
from shared.listen.listener import Listener
from shared.listen.trusted import Trusted

PROXIES = Trusted(["127.0.0.1", "10.0.0.0/8", "fd00::/8"])
CLOSE = b"Host: x\r\nConnection: close\r\n\r\n"


@pytest.mark.parametrize(
    ("peer", "fields", "client"),
    [
        ("127.0.0.1", ["192.0.2.7"], "192.0.2.7"),
        ("127.0.0.1", [" 192.0.2.7 "], "192.0.2.7"),
        ("127.0.0.1", ["2001:db8::7"], "2001:db8::7"),
        ("127.0.0.1", ["::ffff:192.0.2.7"], "192.0.2.7"),
        ("127.0.0.1", ["192.0.2.7:50000"], "192.0.2.7"),
        ("127.0.0.1", ["[2001:db8::7]:50000"], "2001:db8::7"),
        ("fd00::1", ["[2001:db8::7]"], "2001:db8::7"),
        pytest.param("127.0.0.1", ["198.51.100.1, 192.0.2.7"], "192.0.2.7", id="what the client says is hearsay"),
        pytest.param("127.0.0.1", ["198.51.100.1", "192.0.2.7"], "192.0.2.7", id="in two fields"),
        pytest.param("127.0.0.1", ["198.51.100.1, 192.0.2.7, 10.1.1.1"], "192.0.2.7", id="two proxies"),
        pytest.param("127.0.0.1", ["10.1.1.2, 10.1.1.1"], "10.1.1.2", id="a client among the proxies"),
        pytest.param("127.0.0.1", [], "127.0.0.1", id="no field"),
        pytest.param("127.0.0.1", [""], "127.0.0.1", id="an empty field"),
        pytest.param("127.0.0.1", ["192.0.2.7, unknown"], "127.0.0.1", id="no address"),
        pytest.param("127.0.0.1", ["192.0.2.7, junk, 10.1.1.1"], "10.1.1.1", id="no address farther on"),
        pytest.param("127.0.0.1", ["192.0.2.7,"], "127.0.0.1", id="nothing after a comma"),
        pytest.param("127.0.0.1", ["192.0.2.256"], "127.0.0.1", id="nearly an address"),
        pytest.param("127.0.0.1", ["192.0.2.7, " + "10.0.0.1," * 40 + "10.0.0.2"], "10.0.0.1", id="an endless way"),
        pytest.param("203.0.113.9", ["192.0.2.7"], "203.0.113.9", id="a stranger says so"),
        pytest.param("203.0.113.9", ["192.0.2.7, 127.0.0.1"], "203.0.113.9", id="a stranger names our proxy"),
    ],
)
def test_the_last_who_is_not_trusted_is_the_client(peer: str, fields: list[str], client: str) -> None:
    headers = [(b"host", b"x"), *((b"x-forwarded-for", field.encode()) for field in fields)]
    assert str(forwarded.client(ip_address(peer), headers, PROXIES)) == client


@pytest.mark.parametrize(
    ("said", "scheme"),
    [([b"https"], "https"), ([b"HTTP"], "http"), ([], "http"), ([b"gopher"], "http"), ([b"https", b"https"], "http")],
)
def test_the_scheme_is_what_the_proxy_says(said: list[bytes], scheme: str) -> None:
    assert forwarded.scheme([(b"x-forwarded-proto", word) for word in said], "http") == scheme


@asynccontextmanager
async def serving(seen: list[Scope], limits: SourceLimits, most: int = 50) -> AsyncIterator[int]:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(scope)
        with suppress(ClientDisconnect):
            await Request(scope, receive).body()
            await PlainTextResponse("")(scope, receive, send)

    http = HttpServer(app, Large(b"/mxdeliv", 1000), Forwarding(PROXIES, limits.source, most))
    listener = Listener([Door("127.0.0.1", 0, http.speak("http"))], limits, many=PROXIES)
    await listener.open()
    try:
        yield listener.ports[0]
    finally:
        await listener.drain(5)


async def ask(port: int, *requests: bytes, source: str = "127.0.0.1") -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=(source, 0))
    writer.write(b"".join(requests))
    async with asyncio.timeout(10):
        answer = await reader.read()
    writer.close()
    return answer


async def test_each_request_is_its_own_client_s() -> None:
    seen: list[Scope] = []
    limits = SourceLimits(1, 1, 1000)
    async with serving(seen, limits) as port:
        for _ in range(3):  # none of this is too many for one source: it is our proxy
            first = b"GET / HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 192.0.2.7\r\nX-Forwarded-Proto: https\r\n\r\n"
            second = b"POST /mxdeliv HTTP/1.1\r\nX-Forwarded-For: 192.0.2.8\r\n" + CLOSE
            assert (await ask(port, first, second)).count(b"200 OK") == 2
    one, other = seen[-2:]
    assert (one["client"], one["scheme"]) == ((limits.source("192.0.2.7"), 0), "https")
    assert (other["client"], other["scheme"]) == ((limits.source("192.0.2.8"), 0), "http")
    assert str(other["state"]["peer"]) == "192.0.2.8"
    assert "peer" not in one["state"]
    assert "192.0.2.7" not in str((one["client"], one["state"]))


async def test_a_stranger_s_word_counts_for_nothing() -> None:
    seen: list[Scope] = []
    limits = SourceLimits(1, 1, 1000)
    request = b"POST /mxdeliv HTTP/1.1\r\nX-Forwarded-For: 192.0.2.7\r\nX-Forwarded-Proto: https\r\n" + CLOSE
    async with serving(seen, limits) as port:
        assert b"200 OK" in await ask(port, request, source="127.0.0.2")
        assert b"200 OK" not in await ask(port, request, source="127.0.0.2")
    (scope,) = seen
    assert (scope["client"], scope["scheme"]) == ((limits.source("127.0.0.2"), 0), "http")
    assert str(scope["state"]["peer"]) == "127.0.0.2"


async def test_one_client_of_a_proxy_does_not_take_all_places() -> None:
    seen: list[Scope] = []
    slow = b"POST / HTTP/1.1\r\nX-Forwarded-For: 192.0.2.7\r\nContent-Length: 10\r\n" + CLOSE + b"begun"
    async with serving(seen, SourceLimits(1000, 1000, 1000), most=2) as port:
        writers = []
        for number in range(2):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(slow)
            writers.append(writer)
            while len(seen) <= number:
                await asyncio.sleep(0)
        assert (await ask(port, slow)).startswith(b"HTTP/1.1 503")
        assert (await ask(port, slow.replace(b".7", b".8") + b"-over")).startswith(b"HTTP/1.1 200")
        writers[0].write(b"-over")  # one that has arrived counts no more,
        writers[1].close()  # nor does one that never will
        for _ in range(3):
            while not (await ask(port, slow + b"-over")).startswith(b"HTTP/1.1 200"):
                pass
        writers[0].close()
