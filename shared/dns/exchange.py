"""One question to one server: UDP first, TCP if the answer does not fit.

Strategy: a socket of its own for every question, connected, so that the kernel picks an unforeseeable port, drops what
others send, and tells at once if nobody listens. An answer with a wrong id or question is somebody's guess
(RFC 5452 §9): a few are ignored, more mean TCP, where guessing does not help.
"""

import asyncio
import struct
from contextlib import suppress
from dataclasses import dataclass

from shared.dns.answer import LookupFailed
from shared.dns.message import MAX_REPLY, Query, Reply, read

MAX_GUESSES = 8


@dataclass(frozen=True, slots=True)
class Server:
    """A resolver; `is_trusted` if its word on DNSSEC counts."""

    address: str
    port: int
    is_trusted: bool


async def exchange(query: Query, server: Server) -> Reply:
    """Return the server's reply; raise LookupFailed for junk, OSError for no connection. The caller sets a deadline."""
    reply = await _over_udp(query, server) or read(query, await _over_tcp(query, server))
    if reply is None or reply.is_truncated:
        raise LookupFailed("an answer to another question")
    return reply


class _Datagrams(asyncio.DatagramProtocol):
    """Waits for the datagram that answers; None stands for "ask over TCP"."""

    def __init__(self, query: Query) -> None:
        self.reply: asyncio.Future[Reply | None] = asyncio.get_running_loop().create_future()
        self._query = query
        self._guesses = 0

    def datagram_received(self, data: bytes, _: object) -> None:
        if self.reply.done():
            return
        try:
            reply = read(self._query, data)
        except LookupFailed as error:
            self.reply.set_exception(error)
            return
        self._guesses += reply is None
        if reply is not None or self._guesses > MAX_GUESSES:
            self.reply.set_result(None if reply and reply.is_truncated else reply)

    def error_received(self, exc: Exception) -> None:
        if not self.reply.done():
            self.reply.set_exception(exc)


async def _over_udp(query: Query, server: Server) -> Reply | None:
    loop = asyncio.get_running_loop()
    transport, datagrams = await loop.create_datagram_endpoint(
        lambda: _Datagrams(query), remote_addr=(server.address, server.port)
    )
    try:
        transport.sendto(query.wire)
        return await datagrams.reply
    finally:
        transport.close()


async def _over_tcp(query: Query, server: Server) -> bytes:
    reader, writer = await asyncio.open_connection(server.address, server.port)
    try:
        wire = query.wire
        writer.write(struct.pack("!H", len(wire)) + wire)  # RFC 1035 §4.2.2
        (size,) = struct.unpack("!H", await reader.readexactly(2))
        return await reader.readexactly(min(size, MAX_REPLY + 1))
    except EOFError:
        raise LookupFailed("an answer that breaks off") from None
    finally:
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()
