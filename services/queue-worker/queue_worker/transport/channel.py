"""One connection to a remote: octets out, octets in as they are wanted, a deadline on every wait.

Strategy: an asyncio protocol rather than streams: no task and no buffer is made for a command, a burst of commands is
one write, and a wait costs one future and one timer. What a remote sends unasked is read up to MAX_UNREAD octets,
then its own sends block. Every wait ends by the `deadline` the caller has set, in the loop's seconds.
"""

import asyncio
import ssl
from typing import cast

MAX_UNREAD = 64 * 1024
PIECE = 64 * 1024  # octets written at once of a long body
MIN_RATE = 16 * 1024  # octets a second a remote must take from us: slower ones would hold a lane for hours
CLOSING_SECONDS = 1.0


class Lost(Exception):
    """The connection is gone."""


class TooSlow(Exception):
    """The deadline came first."""


class Channel(asyncio.Protocol):
    """See the module's text. `received` is what has come and was not taken yet."""

    def __init__(self) -> None:
        self.received = bytearray()
        self.is_open = False
        self.has_ended = False  # the remote has said its last word, or the connection is lost
        self.deadline = 0.0
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._is_paused = False
        self._may_write = asyncio.Event()
        self._may_write.set()
        self._closed = self._loop.create_future()

    # What the loop calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self.is_open = True

    def data_received(self, data: bytes) -> None:
        self.received += data
        if len(self.received) > MAX_UNREAD and self._transport and not self._is_paused:
            self._transport.pause_reading()
            self._is_paused = True
        self._wake()

    def eof_received(self) -> bool:
        self.has_ended = True
        self._wake()
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self.is_open, self.has_ended = False, True
        self._may_write.set()
        self._wake()
        if not self._closed.done():
            self._closed.set_result(None)

    def pause_writing(self) -> None:
        self._may_write.clear()

    def resume_writing(self) -> None:
        self._may_write.set()

    # What we call.

    def give(self, seconds: float) -> None:
        """Set the deadline of the waits to come."""
        self.deadline = self._loop.time() + seconds

    async def more(self) -> None:
        """Wait until more has come; raise Lost or TooSlow."""
        if self.has_ended or self._transport is None:
            raise Lost
        if len(self.received) > MAX_UNREAD:
            raise Lost  # a reader who still wants more has no limit of its own
        if self._is_paused:
            self._transport.resume_reading()
            self._is_paused = False
        self._waiter = self._loop.create_future()
        timer = self._loop.call_at(self.deadline, self._expire)
        try:
            await self._waiter
        finally:
            self._waiter = None
            timer.cancel()

    def write(self, octets: bytes) -> None:
        """Send octets; raise Lost."""
        if not self.is_open or self._transport is None:
            raise Lost
        self._transport.write(octets)

    async def write_all(self, octets: bytes) -> None:
        """Send a long body at the pace the remote takes it, not slower than MIN_RATE.

        Raises Lost or TooSlow, and only while the last octets are still here: after them the remote may have it all.
        """
        if len(octets) <= PIECE:
            self.write(octets)
            return
        self.deadline += len(octets) / MIN_RATE
        last = (len(octets) - 1) // PIECE * PIECE
        try:
            async with asyncio.timeout_at(self.deadline):
                for start in range(0, last, PIECE):
                    self.write(octets[start : start + PIECE])
                    await asyncio.sleep(0)  # others have their turn, and so has the news that the remote is gone
                    await self._may_write.wait()
        except TimeoutError:
            raise TooSlow from None
        self.write(octets[last:])

    async def start_tls(self, context: ssl.SSLContext, name: str) -> None:
        """Become a TLS connection to `name` by the deadline; raise Lost, TooSlow or ssl.SSLError."""
        if not self.is_open or self._transport is None:
            raise Lost
        seconds = max(self.deadline - self._loop.time(), 0.001)
        try:
            async with asyncio.timeout(seconds):
                transport = await self._loop.start_tls(
                    self._transport, self, context, server_hostname=name, ssl_handshake_timeout=seconds + 1
                )
        except TimeoutError:
            self.abort()
            raise TooSlow from None
        except ssl.SSLError:
            self.abort()
            raise
        except (OSError, ValueError):  # cut off, or a name that TLS cannot say
            self.abort()
            raise Lost from None
        if transport is None:
            raise Lost
        self._transport = transport

    def certificates(self) -> list[bytes]:
        """Return the chain the remote has shown, its own certificate first, each as DER."""
        tls = self._transport.get_extra_info("ssl_object") if self._transport else None
        if tls is None:
            return []
        if hasattr(tls, "get_unverified_chain"):  # Python 3.13
            return list(tls.get_unverified_chain())
        der = ssl._ssl.ENCODING_DER  # type: ignore[attr-defined]
        return [shown.public_bytes(der) for shown in tls._sslobj.get_unverified_chain() or ()]

    def abort(self) -> None:
        """Drop the connection at once."""
        self.is_open = False
        if self._transport:
            self._transport.abort()

    def close(self, last_words: bytes = b"") -> None:
        """Say the last words and close; what has been written still goes out, for a second at most."""
        if not self.is_open or self._transport is None:
            return
        if last_words:
            self._transport.write(last_words)
        self.is_open = False
        self._transport.close()
        self._loop.call_later(CLOSING_SECONDS, self._transport.abort)

    @property
    def is_gone(self) -> bool:
        return self._closed.done()

    async def closed(self) -> None:
        """Wait until the connection is really gone, after `close` or `abort`."""
        await asyncio.shield(self._closed)

    def _wake(self) -> None:
        if self._waiter and not self._waiter.done():
            self._waiter.set_result(None)

    def _expire(self) -> None:
        if self._waiter and not self._waiter.done():
            self._waiter.set_exception(TooSlow())
