"""The poster against a server on loopback that does what the test says, well or badly."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from queue_worker import poster as poster_room
from queue_worker.poster import CONNECTIONS, Poster

from shared.listen.certificate import Certificate
from shared.storage import selfsigned

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
CHUNKED = b"Transfer-Encoding: chunked"
Answer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def never(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    """Say nothing until the other side leaves."""
    await reader.read()


class Server:
    """Reads requests and gives each its answer; counts connections."""

    def __init__(self, answer: Answer | bytes, *, tls: ssl.SSLContext | None = None) -> None:
        self.answer = answer
        self.requests: list[bytes] = []
        self.connections = self.open = self.most_open = 0
        self._tls = tls
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        return f"http{'s' if self._tls else ''}://127.0.0.1:{self.port}/notify?x=1"

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Server"]:
        server = await asyncio.start_server(self._accepted, "127.0.0.1", 0, ssl=self._tls)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        self._tasks.add(task)
        self.connections += 1
        self.open += 1
        self.most_open = max(self.most_open, self.open)
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                body = await reader.readexactly(int(head.lower().partition(b"content-length: ")[2].split()[0]))
                self.requests.append(head + body)
                if isinstance(self.answer, bytes):
                    writer.write(self.answer)
                else:
                    await self.answer(reader, writer)
        except (asyncio.IncompleteReadError, OSError, asyncio.CancelledError):
            return
        finally:
            self.open -= 1
            self._tasks.discard(task)
            writer.transport.abort()


@asynccontextmanager
async def posting(url: str, *, seconds: float = 20, tls: ssl.SSLContext | None = None) -> AsyncIterator[Poster]:
    poster = Poster(url, seconds=seconds, tls=tls)
    try:
        yield poster
    finally:
        poster.close()


async def test_the_body_goes_and_nothing_else_is_said() -> None:
    async with Server(OK).running() as server, posting(server.url) as poster:
        assert await poster.post(b"openpgp:AAAA") == 200
        (request,) = server.requests
        assert request == (
            b"POST /notify?x=1 HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nContent-Length: 12\r\n\r\nopenpgp:AAAA" % server.port
        )


async def test_a_connection_is_kept() -> None:
    async with Server(OK).running() as server, posting(server.url) as poster:
        assert [await poster.post(b"%d" % number) for number in range(5)] == [200] * 5
        assert (len(server.requests), server.connections) == (5, 1)


async def test_at_most_a_few_connections() -> None:
    async def slowly(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.01)
        writer.write(OK)

    async with Server(slowly).running() as server, posting(server.url) as poster:
        statuses = await asyncio.gather(*(poster.post(b"%d" % number) for number in range(20)))
        assert statuses == [200] * 20
        assert server.most_open == server.connections == CONNECTIONS


async def test_a_kept_connection_that_was_closed_costs_nothing_but_another() -> None:
    async with Server(OK).running() as server, posting(server.url) as poster:
        assert await poster.post(b"1") == 200

        async def hang_up(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            server.answer = OK
            writer.transport.abort()

        server.answer = hang_up
        assert await poster.post(b"2") == 200
        assert (len(server.requests), server.connections) == (3, 2)


async def test_a_peer_that_hangs_up_on_everything_is_tried_once() -> None:
    async def hang_up(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.transport.abort()

    async with Server(hang_up).running() as server, posting(server.url) as poster:
        assert await poster.post(b"1") == 0
        assert server.connections == 1


@pytest.mark.parametrize(
    ("answer", "status", "is_kept"),
    [
        pytest.param(b"HTTP/1.1 204 No\r\n\r\n", 204, True, id="no-content"),
        pytest.param(b"HTTP/1.1 410 Gone\r\nContent-Length: 0\r\n\r\n", 410, True, id="gone"),
        pytest.param(b"HTTP/1.1 302 F\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n", 302, True, id="redirect"),
        pytest.param(OK.replace(b"Content-Length: 2", CHUNKED)[:-2] + b"2\r\nok\r\n0\r\n\r\n", 200, True, id="chunked"),
        pytest.param(b"HTTP/1.1 103 Hint\r\n\r\n" + OK, 200, True, id="informational"),
        pytest.param(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n", 200, False, id="close"),
        pytest.param(OK + OK, 200, False, id="two-answers"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 9999999999\r\n\r\n" + b"x" * 200_000, 200, False, id="long"),
        pytest.param(b"HTTP/1.1 200 OK\r\n" + CHUNKED + b"\r\n\r\nzz\r\n", 200, False, id="broken-chunk"),
        pytest.param(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000, 0, False, id="long-head"),
        pytest.param(b"HTTP/1.1 103 Hint\r\n\r\n" * 10_000, 0, False, id="hints-without-end"),
        pytest.param(b"220 mx.here.test ESMTP\r\n\r\n", 0, False, id="another-protocol"),
        pytest.param(b"\x00" * 50_000, 0, False, id="junk"),
    ],
)
async def test_whatever_it_answers(answer: bytes, status: int, is_kept: bool) -> None:
    async with Server(answer).running() as server, posting(server.url) as poster:
        assert await poster.post(b"1") == status
        server.answer = OK
        assert await poster.post(b"2") == 200
        assert server.connections == (1 if is_kept else 2)


async def test_a_text_that_never_ends_does_not_take_the_status_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(poster_room, "TEXT_SECONDS", 0.05)
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nok"
    async with Server(answer).running() as server, posting(server.url) as poster:
        assert await poster.post(b"1") == 200


async def test_no_answer_in_time() -> None:
    async with Server(never).running() as server, posting(server.url, seconds=0.1) as poster:
        assert await poster.post(b"1") == 0
        await _until(lambda: server.open == 0)


async def test_drop_by_drop_is_no_answer_in_time() -> None:
    async def drip(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for octet in b"HTTP/1.1 200 OK\r\n" + b"x" * 1000:
            writer.write(bytes([octet]))
            await writer.drain()  # raises when the other side has left
            await asyncio.sleep(0.01)

    async with Server(drip).running() as server, posting(server.url, seconds=0.2) as poster:
        assert await poster.post(b"1") == 0
        await _until(lambda: server.open == 0)


async def test_nobody_is_there() -> None:
    async with Server(OK).running() as server:
        url = server.url
    async with posting(url) as poster:
        assert await poster.post(b"1") == 0


async def test_cancelled_in_the_middle_it_leaves_no_connection() -> None:
    async with Server(never).running() as server, posting(server.url) as poster:
        task = asyncio.create_task(poster.post(b"1"))
        await _until(lambda: len(server.requests) == 1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await _until(lambda: server.open == 0)


async def test_tls_must_verify() -> None:
    certificate, key = made = selfsigned.make(["127.0.0.1"])
    assert certificate
    assert key
    trusting = ssl.create_default_context(cadata=certificate)
    async with Server(OK, tls=Certificate(made, None).context()).running() as server:
        async with posting(server.url) as poster:
            assert await poster.post(b"1") == 0
        async with posting(server.url, tls=trusting) as poster:
            assert await poster.post(b"1") == 200
        assert len(server.requests) == 1


@pytest.mark.parametrize(
    "url", ["", "ftp://there.test/", "//there.test/", "https:///notify", "there.test", "https://a:b@there.test/"]
)
def test_addresses_that_nothing_can_be_posted_to(url: str) -> None:
    with pytest.raises(ValueError, match="begins with"):
        Poster(url)


async def _until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not is_so():
            await asyncio.sleep(0.005)
