"""One connection of the load generator, under TLS but at its beginning, as lines and literals.

Strategy: a protocol with one buffer and one waiter, read by one coroutine at a time; what is there already is read
without a turn of the event loop, so that the generator stays cheap beside the servers it measures.
"""

import asyncio
import ssl
import time
from functools import cache


class Wire(asyncio.Protocol):
    """`heard_at` is the time (perf_counter) of the first octets since `listen` was called."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._waiter: asyncio.Future[None] | None = None
        self._transport: asyncio.Transport | None = None
        self._is_listening = False
        self._is_lost = False
        self.heard_at = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]  # uvloop's do not say that they are transports

    def data_received(self, data: bytes) -> None:
        if self._is_listening:
            self._is_listening = False
            self.heard_at = time.perf_counter()
        self._buffer += data
        self._wake()

    def connection_lost(self, exc: Exception | None) -> None:
        self._is_lost = True
        self._wake()

    def listen(self) -> None:
        """Note the time of what comes next."""
        self._is_listening = True

    async def start_tls(self) -> None:
        """Turn to TLS; everything that was said in the clear has been read."""
        assert self._transport
        loop = asyncio.get_running_loop()
        self._transport = await loop.start_tls(self._transport, self, _context())

    def write(self, octets: bytes) -> None:
        assert self._transport
        self._transport.write(octets)

    async def line(self) -> bytes:
        """Return the next line with its end; raise ConnectionError if the server has gone."""
        while not (end := self._buffer.find(b"\n") + 1):
            await self._more()
        return self._take(end)

    async def octets(self, number: int) -> bytes:
        """Return the next octets of a literal."""
        while len(self._buffer) < number:
            await self._more()
        return self._take(number)

    def close(self) -> None:
        if self._transport:
            self._transport.close()

    def _take(self, end: int) -> bytes:
        taken = bytes(self._buffer[:end])
        del self._buffer[:end]
        return taken

    async def _more(self) -> None:
        if self._is_lost:
            raise ConnectionError("the server closed the connection")
        self._waiter = asyncio.get_running_loop().create_future()
        await self._waiter

    def _wake(self) -> None:
        if self._waiter and not self._waiter.done():
            self._waiter.set_result(None)


async def connect(host: str, port: int, source: str, *, is_tls: bool = True) -> Wire:
    """Connect from a source address; the certificate is the suite's own and not looked at."""
    loop = asyncio.get_running_loop()
    tls = _context() if is_tls else None
    _, wire = await loop.create_connection(Wire, host, port, ssl=tls, local_addr=(source, 0))
    return wire


@cache
def _context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context
