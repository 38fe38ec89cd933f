"""The inner port: what a service tells Prometheus and whoever asks after its health, and nobody else.

Strategy: an HTTP answer of our own, since a whole server would be a stranger in the mail services: one GET on a
connection, a head of 8 KB in 5 seconds, a few connections at a time. The limits per source are those of the public
doors and do not hold here. Several workers share the port; whichever is asked answers for all of them.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Protocol, cast

from shared import log
from shared.listen.bind import bind
from shared.metrics import catalog
from shared.metrics.metric import Gauge

MAX_HEAD = 8192  # octets
MAX_AT_ONCE = 16
SECONDS = 5.0  # for the question and for its answer
SAMPLE_SECONDS = 5.0

DOORS = b"doors\n"  # what the edge asks, and the words it is told: HAProxy's, of its agent checks
OPEN, CLOSING = b"ready\n", b"drain\n"

TEXT = "text/plain; charset=utf-8"

Questions = Mapping[Gauge, Callable[[], float]]


class Exposition(Protocol):
    """`shared.metrics.exposition.Exposition`."""

    def write(self) -> bytes:
        """Return all numbers."""


@dataclass(slots=True)
class Inner:
    """What one service shows inside: `is_able`: it can do its work; `gauges` are looked at now and then.

    Once `stopping` is set its doors are about to close.
    """

    service: str
    is_able: Callable[[], bool]
    gauges: Questions = field(default_factory=dict)
    stopping: asyncio.Event | None = None
    exposition: Exposition | None = None
    answering: set["Answerer"] = field(default_factory=set)
    is_open: bool = False  # its port is bound, if it has one

    def sample(self) -> None:
        """Look at what is not counted but asked for."""
        catalog.POSTGRES.set(self.is_able())
        for gauge, look in self.gauges.items():
            gauge.set(look())

    def answer(self, method: bytes, path: bytes) -> bytes:
        """Answer one request."""
        if method != b"GET":
            return _http("405 Method Not Allowed", b"", "Allow: GET\r\n")
        if path == b"/health":
            return self._health()
        if path == b"/metrics" and self.exposition:
            self.sample()
            return _http("200 OK", self.exposition.write(), f"Content-Type: {TEXT}; version=0.0.4\r\n")
        return _http("404 Not Found", b"")

    def doors(self) -> bytes:
        """Say whether it is well to send more people here."""
        return CLOSING if self.stopping and self.stopping.is_set() else OPEN

    def _health(self) -> bytes:
        kind = "Content-Type: application/json\r\n"
        if self.is_able():
            return _http("200 OK", b'{"status":"ok"}', kind)
        return _http("503 Service Unavailable", b'{"status":"unavailable"}', kind)


class Answerer(asyncio.Protocol):
    """One connection: one question, one answer."""

    _transport: asyncio.Transport
    _timer: asyncio.TimerHandle

    def __init__(self, inner: Inner) -> None:
        self._inner = inner
        self._head = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to listen, or say that too many do."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is one without inheriting from it
        self._timer = asyncio.get_running_loop().call_later(SECONDS, self._transport.abort)
        if len(self._inner.answering) >= MAX_AT_ONCE:
            self._say(_http("503 Service Unavailable", b""))
        self._inner.answering.add(self)

    def data_received(self, data: bytes) -> None:
        """Answer as soon as the head is whole; a body has no meaning here."""
        if self._transport.is_closing():
            return
        self._head += data
        if self._head == DOORS:
            self._say(self._inner.doors())
        elif b"\r\n\r\n" in self._head:
            self._say(self._answer())
        elif len(self._head) > MAX_HEAD:
            self._say(_http("431 Request Header Fields Too Large", b""))

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget it."""
        self._timer.cancel()
        self._inner.answering.discard(self)

    def _answer(self) -> bytes:
        words = self._head.partition(b"\r\n")[0].split(b" ")
        if len(words) != 3 or not words[2].startswith(b"HTTP/1."):
            return _http("400 Bad Request", b"")
        try:
            return self._inner.answer(words[0], words[1].partition(b"?")[0])
        except Exception as error:  # who asks is told nothing of it
            log.failure("inner_failed", error)
            return _http("500 Internal Server Error", b"")

    def _say(self, answer: bytes) -> None:
        self._transport.write(answer)
        self._transport.close()


async def serve(inner: Inner, addresses: Sequence[str], port: int, *, has_siblings: bool = False) -> None:
    """Answer at `port` of every address for ever, 0 being nowhere; raise OSError naming the one that failed."""
    if port:
        from shared.metrics.exposition import Exposition  # a megabyte that a service nobody asks does without

        inner.exposition = Exposition(inner.service)
    async with AsyncExitStack() as stack:
        for address in addresses if port else ():
            server = await _open(inner, address, port, has_siblings=has_siblings)
            if server:
                await stack.enter_async_context(server)
        inner.is_open = True
        while True:
            inner.sample()
            await asyncio.sleep(SAMPLE_SECONDS)


async def _open(inner: Inner, address: str, port: int, *, has_siblings: bool) -> asyncio.Server | None:
    sock = bind(address, port, has_siblings=has_siblings)
    return await asyncio.get_running_loop().create_server(lambda: Answerer(inner), sock=sock) if sock else None


def _http(status: str, body: bytes, fields: str = "") -> bytes:
    return f"HTTP/1.1 {status}\r\n{fields}Content-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode() + body
