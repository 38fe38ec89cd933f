"""The connection under a session: transport, TLS, time, and the order of things.

Strategy: no stream reader and no task per connection. What arrives is fed to the session at once; a task exists only
while a handler is being awaited. The replies of one burst leave in one write. A client that sends faster than it is
answered is not read from. One timer per connection looks at the deadlines. Octets do not move a command's, so dripping
does not help: it has 300 s (30 s when the house is crowded). A message has 60 s for every 30 000 octets, and what came
sooner is no credit for later: whoever stops sending soon gives back what the message holds. All of it has 20 minutes.
"""

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from typing import Protocol, cast

from shared import log
from shared.mail import reply
from shared.mail.reply import Reply
from shared.metrics import catalog
from shared.smtp.handler import Handler, Terms
from shared.smtp.session import Answer, Session

COMMAND_SECONDS = 300.0  # RFC 5321 §4.5.3.2.7
CROWDED_SECONDS = 30.0
STRIDE_SECONDS = 60.0
STRIDE = 30_000  # octets of a message: 500 a second
MESSAGE_SECONDS = 1200.0  # a whole message, however large: 30 MiB at 26 kB a second
SESSION_SECONDS = 3600.0
HANDSHAKE_SECONDS = 10.0
LINGER_SECONDS = 2.0  # for the last reply to arrive before the connection is reset
ANSWER_SECONDS = 25.0  # a client gives up after 60 (Delta Chat), and would send again what was stored
LOOK_SECONDS = 5.0
MAX_PENDING = 65_536  # octets that may wait while a command is being handled


class Ticket(Protocol):
    """What the accept path gives a connection (`shared.listen.ticket`)."""

    on_drain: Callable[[], None]

    def close(self) -> None:
        """The connection is gone."""


class Connection(asyncio.Protocol):
    """One client. `is_tls`: TLS was there before the first octet; `tls`: the context STARTTLS is offered with."""

    def __init__(
        self,
        ticket: Ticket,
        handler: Handler,
        terms: Terms,
        *,
        is_tls: bool,
        tls: ssl.SSLContext | None = None,
        is_crowded: Callable[[], bool] = lambda: False,
    ) -> None:
        self._ticket = ticket
        self._terms = terms
        self._tls = tls
        self._is_crowded = is_crowded
        self._is_under_tls = is_tls
        self._session = Session(handler, terms, is_tls=is_tls, may_start_tls=tls is not None)
        self._loop = asyncio.get_running_loop()
        self._out: list[bytes] = []
        self._waiting: asyncio.Task[None] | None = None
        self._is_greeted = self._is_draining = self._is_choked = self._is_paused = self._has_eof = False
        self._is_finished = False
        self._opened = self._since = self._asked = self._strode = self._loop.time()
        self._stride = 0  # octets of the message since `_strode`

    # What the transport tells

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Greet, at once or after the delay that shows who talks first."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is one without inheriting from it
        self._ticket.on_drain = self._drain
        self._timer = self._loop.call_later(LOOK_SECONDS, self._look)
        if self._terms.greeting_delay:
            self._loop.call_later(self._terms.greeting_delay, self._greet)
        else:
            self._greet()

    def data_received(self, data: bytes) -> None:
        """Feed the session, and answer what is complete."""
        self._session.feed(data)
        if self._session.is_receiving:
            self._stride += len(data)
            if self._stride >= STRIDE:
                self._stride, self._strode = 0, self._loop.time()
        if self._is_greeted:
            self._pump()
        else:
            self._greet()

    def eof_received(self) -> bool:
        """Keep a half-closed connection open for the answer that is being worked on."""
        self._has_eof = True
        return self._waiting is not None and not self._is_under_tls

    def pause_writing(self) -> None:
        """The client does not take its answers: give it no more."""
        self._is_choked = True

    def resume_writing(self) -> None:
        """Go on where it was."""
        self._is_choked = False
        self._pump()

    def connection_lost(self, exc: Exception | None) -> None:
        """Free everything, except a handler at work: what it commits stays committed."""
        self._timer.cancel()
        self._session.close()
        self._ticket.close()

    # Steps

    def _greet(self) -> None:
        if not self._is_greeted and not self._transport.is_closing():
            self._is_greeted = True
            self._out.append(self._session.greet())
            self._pump()

    def _pump(self) -> None:
        while self._waiting is None and not self._is_choked and not self._session.is_over:
            answer = self._step()
            if answer is None:
                break
            if isinstance(answer, bytes):
                self._out.append(answer)
            else:
                self._asked = self._loop.time()
                self._waiting = self._loop.create_task(self._wait(answer))
        if self._waiting is None:
            self._flush()
        if self._is_paused or self._session.pending > MAX_PENDING:
            self._regulate()

    def _step(self) -> Answer | None:
        try:
            return self._session.step()
        except Exception as error:
            log.failure("session_failed", error)
            return self._session.end(reply.UNAVAILABLE)

    async def _wait(self, answer: Awaitable[bytes]) -> None:
        try:
            self._out.append(await answer)
        except Exception as error:
            log.failure("session_failed", error)
            self._out.append(self._session.end(reply.UNAVAILABLE))
        self._waiting = None
        if not self._transport.is_closing():
            self._pump()

    def _flush(self) -> None:
        if self._is_draining and not self._session.is_over and not self._session.is_receiving:
            self._out.append(self._session.end(reply.SHUTTING_DOWN))
        octets = b"".join(self._out)
        self._out.clear()
        if self._session.wants_tls:
            self._transport.pause_reading()  # before the reply: what comes after it belongs to TLS
        if octets:
            self._transport.write(octets)
            self._since = self._strode = self._loop.time()
            self._stride = 0
        if self._session.wants_tls:
            self._asked = self._loop.time()
            self._waiting = self._loop.create_task(self._start_tls())
        elif self._session.is_over:
            self._finish()
        elif self._has_eof:
            self._transport.close()

    def _regulate(self) -> None:
        is_too_much = (self._waiting is not None or self._is_choked) and self._session.pending > MAX_PENDING
        if is_too_much and not self._is_paused:
            self._is_paused = True
            self._transport.pause_reading()
        elif self._is_paused and not is_too_much:
            self._is_paused = False
            if not self._transport.is_closing():
                self._transport.resume_reading()

    async def _start_tls(self) -> None:
        assert self._tls
        try:
            secured = await self._loop.start_tls(
                self._transport,
                self,
                self._tls,
                server_side=True,
                ssl_handshake_timeout=HANDSHAKE_SECONDS,
                ssl_shutdown_timeout=LINGER_SECONDS,
            )
        except Exception as error:
            catalog.ACCEPTS.count("handshake_failed")
            if not isinstance(error, OSError):  # SSLError and timeouts are OSErrors: the client's doing
                log.failure("starttls_failed", error)
            secured = None
        self._waiting = None
        if secured is None:
            self._transport.abort()
            self.connection_lost(None)
            return
        self._transport, self._is_under_tls = secured, True
        self._session.secured()
        self._since = self._loop.time()
        self._pump()

    # The end

    def _drain(self) -> None:
        self._is_draining = True
        if self._waiting is None and self._is_greeted and not self._session.is_over:
            self._flush()

    def _finish(self) -> None:
        # A close while octets wait unread would reset the connection, and the last reply with it.
        if self._is_finished or self._transport.is_closing():
            return
        self._is_finished = True
        if self._is_under_tls or self._has_eof or not self._transport.can_write_eof():
            self._transport.close()
        else:
            self._transport.write_eof()
        self._timer.cancel()
        self._timer = self._loop.call_later(LINGER_SECONDS, self._transport.abort)

    def _look(self) -> None:
        now = self._loop.time()
        due = self._due()
        if now < due:
            self._timer = self._loop.call_at(min(due, now + LOOK_SECONDS), self._look)
        elif self._waiting is None:
            self._say_last(reply.TOO_SLOW)
        else:
            self._timer = self._loop.call_later(LOOK_SECONDS, self._look)
            self._waiting.cancel()  # the session answers for the handler that did not

    def _say_last(self, last: Reply) -> None:
        self._out.append(self._session.end(last))
        self._flush()

    def _due(self) -> float:
        if self._waiting is not None:  # our turn, not the client's
            return self._asked + ANSWER_SECONDS
        if self._session.is_receiving:
            return min(self._strode + STRIDE_SECONDS, self._since + MESSAGE_SECONDS)
        patience = CROWDED_SECONDS if self._is_crowded() else COMMAND_SECONDS
        return min(self._since + patience, self._opened + SESSION_SECONDS)
