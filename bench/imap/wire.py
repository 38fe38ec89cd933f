"""A TLS connection of the load, small enough for ten thousand in a process.

Strategy: TLS is ours to drive (`ssl.SSLObject` over memory) on a plain transport: buffers are only as large as what is
in them, a session can be resumed, and a connection can be cut as a lost network cuts it, without a word.
"""

import asyncio
import socket
import ssl
import struct
import time
from collections.abc import Callable
from typing import cast

READ = 64 * 1024
_ABORT = struct.pack("ii", 1, 0)  # SO_LINGER: an end that leaves no port behind waiting


def client_context() -> ssl.SSLContext:
    """Trust anybody: both servers have certificates of their own making."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


class Wire(asyncio.Protocol):
    """Lines and literals under TLS; while `on_octets` is set what comes goes there instead."""

    __slots__ = ("_buffer", "_coming", "_going", "_is_up", "_waiter", "is_lost", "on_octets", "tls", "transport")

    transport: asyncio.Transport

    def __init__(self, context: ssl.SSLContext, session: ssl.SSLSession | None) -> None:
        self._coming, self._going = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self._coming, self._going, session=session)
        self._buffer = bytearray()
        self._waiter: asyncio.Future[None] | None = None
        self._is_up = False
        self.is_lost = False
        self.on_octets: Callable[[bytes], None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self._shake_hands()

    def data_received(self, data: bytes) -> None:
        self._coming.write(data)
        try:
            if not self._is_up:
                self._shake_hands()
            if self._is_up:
                self._read()
        except ssl.SSLError:
            self.is_lost = True
        self._wake()

    def connection_lost(self, exc: Exception | None) -> None:
        self.is_lost = True
        self._wake()

    def write(self, octets: bytes) -> None:
        self.tls.write(octets)
        self.transport.write(self._going.read())

    async def opened(self) -> None:
        """Return when TLS is up; raise ConnectionError if it never will be."""
        while not self._is_up:
            await self._more()

    async def line(self) -> bytes:
        """Return the next line with its end; raise ConnectionError if the server has gone."""
        while not (end := self._buffer.find(b"\n") + 1):
            await self._more()
        taken = bytes(self._buffer[:end])
        del self._buffer[:end]
        return taken

    def drop(self) -> int:
        """Forget what has come and is not read; return how many octets it was."""
        dropped = len(self._buffer)
        self._buffer.clear()
        return dropped

    def cut(self) -> None:
        """End as a lost network does."""
        if not self.is_lost:
            sock = self.transport.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _ABORT)
            self.transport.abort()

    def _shake_hands(self) -> None:
        try:
            self.tls.do_handshake()
            self._is_up = True
        except ssl.SSLWantReadError:
            pass
        self.transport.write(self._going.read())

    def _read(self) -> None:
        try:
            while octets := self.tls.read(READ):
                if self.on_octets is None:
                    self._buffer += octets
                else:
                    self.on_octets(octets)
            self.is_lost = True
        except ssl.SSLWantReadError:
            pass

    async def _more(self) -> None:
        if self.is_lost:
            raise ConnectionError("the server closed the connection")
        self._waiter = asyncio.get_running_loop().create_future()
        await self._waiter
        self._waiter = None

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


async def connect(
    context: ssl.SSLContext,
    to: tuple[str, int],
    source: str,
    *,
    session: ssl.SSLSession | None = None,
    holds: int = 0,
) -> Wire:
    """Connect from a source address and return when TLS is up; the kernel holds about `holds` octets unread."""
    loop = asyncio.get_running_loop()
    sock = socket.socket()
    try:
        sock.setblocking(False)
        if holds:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, holds)
        sock.bind((source, 0))
        await loop.sock_connect(sock, to)
        _, wire = await loop.create_connection(lambda: Wire(context, session), sock=sock)
    except BaseException:
        sock.close()
        raise
    await wire.opened()
    return wire


def now() -> float:
    return time.perf_counter()
