"""One client's connection: octets to the framer, frames to the session, answers to the socket.

Strategy: an `asyncio.Protocol` and one task that lives as long as the connection and sleeps on one future. All that
can happen (octets, a bell, the time, the end) leaves a mark and wakes the task, which alone decides what to say; so
nothing is ever said in the middle of an answer. Reading stops while commands wait to be answered, and answering
while the client does not read.
"""

import asyncio
import ssl
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import cast

from imap.deflate import Garbled, Inflater
from imap.outlet import Outlet
from imap.registry import Registry
from imap.rounds import ROUND, Rounds
from imap.session import Session
from imap.state import Conversation, CutOff, House, State
from imap.store import Doorkeeper, Letterbox, Store, Tokens, Unavailable
from imap.wire.framer import AFTER_LOGIN, Announced, Framed, Framer, Octets, Rest, Signal, TooBig
from shared import log
from shared.listen.ticket import Ip, Ticket
from shared.metrics import catalog

MAX_WAITING = 64 * 1024  # octets of commands not answered yet, beyond which nothing is read
MAX_ANSWERS = 64 * 1024  # octets of answers that leave in one write
HANDSHAKE_SECONDS = 10.0

# Seconds, as seen every ROUND seconds.
LOGIN_SECONDS = 60.0
SILENCE_SECONDS = 30 * 60.0  # RFC 3501 §5.4
KEEPALIVE_SECONDS = 120.0  # Delta Chat gives an IDLE up after five minutes without a word
LOOK_SECONDS = 60.0
LOOK_SECONDS_WITHOUT_BELL = 10.0
LOOK_ANYWAY_SECONDS = 60 * 60.0  # who looks is seen to use the account, who only asks is not
WRITE_SECONDS = 10 * 60.0
MESSAGE_SECONDS = 10 * 60.0  # for the octets of one, which take room from others

_NOBODY: Sequence[float] = ()  # has waited


def _unheard(_mailbox_id: int, _modseq: int) -> None:
    """Nobody else is there."""


@dataclass(frozen=True, slots=True, eq=False)
class Terms:
    """What connections share; `doorkeeper` makes one for a connection's source, without `tokens` there is no push."""

    store: Store
    doorkeeper: Callable[[str, Ip], Doorkeeper]
    house: House
    hostname: str
    registry: Registry
    tls: ssl.SSLContext | None
    is_available: Callable[[], bool]
    is_bell_connected: Callable[[], bool]
    tokens: Tokens | None = None
    letterbox: Letterbox | None = None  # without it nothing can be appended
    ring: Callable[[int, int], None] = _unheard  # tells other processes that a mailbox has come to a modseq
    # Whether a mailbox is not as it was at a modseq, for all that idle at little cost; without it each looks by itself.
    is_stale: Callable[[int, int], asyncio.Future[bool]] | None = None
    rounds: Rounds = field(default_factory=Rounds)


class Connection(asyncio.Protocol):
    """Fulfils `imap.registry.Listener`."""

    __slots__ = (
        "_asked_at",
        "_ending",
        "_framer",
        "_inflater",
        "_is_reading",
        "_is_rung",
        "_kept_alive_at",
        "_looked_at",
        "_loop",
        "_message_at",
        "_opened_at",
        "_outlet",
        "_session",
        "_spoken_at",
        "_talk",
        "_task",
        "_terms",
        "_ticket",
        "_transport",
        "_waiter",
    )

    _outlet: Outlet
    _session: Session
    _talk: Conversation
    _transport: asyncio.Transport

    def __init__(self, terms: Terms, ticket: Ticket) -> None:
        self._terms = terms
        self._ticket = ticket
        self._framer = Framer()
        self._inflater: Inflater | None = None  # what arrives is compressed
        self._loop = asyncio.get_running_loop()
        self._opened_at = self._spoken_at = self._looked_at = self._kept_alive_at = self._loop.time()
        self._asked_at = self._message_at = self._opened_at
        self._ending = ""  # why we close at the next command boundary
        self._is_rung = False
        self._is_reading = True
        self._waiter: asyncio.Future[None] | None = None
        self._task: asyncio.Task[None] | None = None

    # What the transport tells

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Greet, or say at once that there is no service."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's are of no class of asyncio's
        self._outlet = Outlet(self._transport)
        self._talk = self._conversation()
        self._session = Session(self._talk, log.failure)
        self._ticket.on_drain = self._drain
        if not self._terms.is_available():
            self._session.bye("[UNAVAILABLE] Temporary server problem, try again later")
            self._outlet.flush()
            self._transport.close()
            return
        self._session.greet(self._terms.hostname)
        self._outlet.flush()
        self._terms.rounds.add(self, self._terms.registry.add(self))
        self._task = self._loop.create_task(self._serve())

    def data_received(self, data: bytes) -> None:
        """Take octets; stop reading if too many commands wait."""
        self._spoken_at = self._loop.time()
        (self._framer if self._inflater is None else self._inflater).feed(data)
        if self._waiting > MAX_WAITING and self._waiter is None and self._is_reading:
            self._is_reading = False
            self._transport.pause_reading()
        self._wake()

    @property
    def _waiting(self) -> int:
        """Octets that were sent and not understood yet, as they came."""
        return len(self._framer) + (0 if self._inflater is None else len(self._inflater))

    def eof_received(self) -> bool:
        """Close; a client that has half closed waits for nothing."""
        return False

    def pause_writing(self) -> None:
        """The client does not read."""
        self._outlet.pause(self._loop.time())

    def resume_writing(self) -> None:
        """The client reads again."""
        self._outlet.resume()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget everything; a command under way ends by itself. May be called again."""
        self._outlet.is_closed = True
        self._outlet.resume()
        self._talk.part()
        self._terms.registry.remove(self)
        self._terms.rounds.remove(self)
        self._ticket.close()
        self._wake()

    # What the bell and the clock tell

    def arrived(self, modseq: int, uid: int, at: int) -> None:
        """See `imap.registry.Listener`."""
        self._talk.arrivals.hear(modseq, uid, at)

    def ring(self, modseq: int) -> None:
        """See `imap.registry.Listener`."""
        self._talk.heard = max(self._talk.heard, modseq)
        self._nudge()

    @property
    def is_idling(self) -> bool:
        """See `imap.registry.Listener`."""
        return self._talk.state is State.IDLING

    def look(self) -> None:
        """See `imap.registry.Listener`."""
        self._talk.must_look = True
        self._nudge()

    def tick(self, now: float) -> None:
        """Do what is due at this loop time."""
        outlet, state = self._outlet, self._talk.state
        if outlet.paused_at is not None and now - outlet.paused_at > WRITE_SECONDS:
            self._transport.abort()
        elif self._talk.account is None and now - self._opened_at > LOGIN_SECONDS:
            self._end("Too slow to log in")
        elif state is not State.IDLING and now - self._spoken_at > SILENCE_SECONDS:
            self._end("Idle for too long")
        elif self._talk.appending is not None and now - self._message_at > MESSAGE_SECONDS:
            self._transport.abort()
        if state is State.IDLING and now - self._kept_alive_at > KEEPALIVE_SECONDS - ROUND:
            self._keep_alive(now)
        pause = LOOK_SECONDS if self._terms.is_bell_connected() else LOOK_SECONDS_WITHOUT_BELL
        if now - self._asked_at > pause - ROUND / 2:
            self._asked_at = now
            self._look_out(now)

    def _look_out(self, now: float) -> None:
        """Look; or, idling, only ask whether there is anything to see."""
        is_stale, view, state = self._terms.is_stale, self._talk.view, self._talk.state
        if is_stale is None or view is None or state is not State.IDLING or now - self._looked_at > LOOK_ANYWAY_SECONDS:
            self._looked_at = now
            self.look()
            if state is State.SELECTED:  # who never idles must learn, too, that the mailbox is gone
                self._is_rung = True
                self._wake()
            return
        with suppress(Unavailable):  # when it is back, all look
            is_stale(view.mailbox_id, view.modseq).add_done_callback(self._answered)

    def _answered(self, asked: asyncio.Future[bool]) -> None:
        if not asked.cancelled() and asked.exception() is None and asked.result():
            self.look()

    def _keep_alive(self, now: float) -> None:
        self._kept_alive_at = now
        if self._waiter is not None and self._outlet.paused_at is None:
            self._outlet.write(b"* OK Still here\r\n")
            self._outlet.flush()

    def _nudge(self) -> None:
        if self._talk.state is State.IDLING and self._talk.is_stale:
            self._is_rung = True
            self._wake()

    def _drain(self) -> None:
        self._end("Server shutting down")

    def _end(self, why: str) -> None:
        self._ending = why
        self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    # The task

    async def _serve(self) -> None:
        try:
            while self._talk.state is not State.LEFT and not self._outlet.is_closed:
                await self._step()
            self._outlet.flush()
            self._transport.close()
        except (CutOff, OSError):  # a failed handshake (SSLError is an OSError), or a literal that cannot be finished
            self._abort()
        except Exception as error:
            log.failure("imap_connection", error)
            self._abort()

    def _abort(self) -> None:
        self._transport.abort()
        # A transport whose client is lost during the handshake says so only to the handshake.
        self.connection_lost(None)

    async def _step(self) -> None:
        """Do the next thing there is to do, or wait for one."""
        if self._ending:
            self._session.bye(self._ending)
        elif self._is_rung:  # before commands, which may never cease
            self._is_rung = False
            if self._talk.state is State.IDLING:
                await self._tell()
            elif self._talk.state is State.SELECTED:
                await self._session.check()
        elif framed := self._framer.next():
            await self._act(framed)
        elif self._inflater is not None and self._inflater.has_more:
            await self._inflate(self._inflater)
        else:
            await self._wait()

    async def _inflate(self, inflater: Inflater) -> None:
        """Give the framer a slice of what has arrived compressed; if there is more, let others have a turn."""
        try:
            self._framer.feed(inflater.take())
        except Garbled:
            self._session.bye("Not DEFLATE")
        if inflater.has_more:
            await asyncio.sleep(0)

    async def _tell(self) -> None:
        """Tell an idling client what has happened, and count how long what arrived has waited for that."""
        self._talk.waited = _NOBODY
        await self._session.look()
        if self._outlet.size > MAX_ANSWERS:
            await self._outlet.drain()
        self._outlet.flush()
        for seconds in self._talk.waited:
            catalog.READABLE.observe(seconds)

    async def _act(self, framed: Framed) -> None:
        if isinstance(framed, bytes):
            await self._session.handle(framed)
            if self._talk.account is not None and not self._ticket.is_released:
                self._ticket.release()
                self._framer.limit = AFTER_LOGIN
                self._framer.takes_messages = True
        elif framed is Signal.CONTINUE:
            self._outlet.write(b"+ Go on\r\n")
        elif isinstance(framed, Announced):
            await self._ask_for_message(framed)
        elif isinstance(framed, Octets):
            self._session.take(framed.data)
        elif isinstance(framed, Rest):
            await self._session.end_message(framed.line)
        elif isinstance(framed, TooBig):
            self._session.refuse(framed)
        if self._talk.starts_tls or self._talk.starts_compression:
            await self._change_layers()
        if self._outlet.size > MAX_ANSWERS or self._outlet.paused_at is not None:
            await self._outlet.drain()

    async def _ask_for_message(self, announced: Announced) -> None:
        self._message_at = self._loop.time()
        is_welcome = await self._session.announced(announced.head, announced.size, is_first=announced.is_first)
        if announced.is_sync and is_welcome:
            self._outlet.write(b"+ Go on\r\n")
        elif announced.is_sync:
            self._framer.abandon()  # RFC 3501 §7.5: who is told NO sends no literal

    async def _wait(self) -> None:
        self._outlet.flush()
        if not self._is_reading:
            self._is_reading = True
            self._transport.resume_reading()
        self._waiter = self._loop.create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    async def _change_layers(self) -> None:
        if self._talk.starts_tls:
            await self._start_tls()
        else:
            self._compress()

    async def _start_tls(self) -> None:
        """Upgrade; what came in clear after STARTTLS was not said by whom we will know (RFC 3501 §11.1).

        It is forgotten before the upgrade, not after: by then the client's first command under TLS may be here.
        """
        assert self._terms.tls is not None
        self._outlet.flush()
        self._framer.clear()
        try:
            upgraded = await self._loop.start_tls(
                self._transport, self, self._terms.tls, server_side=True, ssl_handshake_timeout=HANDSHAKE_SECONDS
            )
        except OSError:
            catalog.ACCEPTS.count("handshake_failed")
            raise
        self._transport = self._outlet.transport = cast(asyncio.Transport, upgraded)
        self._talk.starts_tls, self._talk.is_tls = False, True

    def _compress(self) -> None:
        """Compress from here on; what came behind the command is no command, but the start of DEFLATE or nothing."""
        self._outlet.flush()
        self._outlet.is_compressed, self._inflater = True, Inflater()
        self._inflater.feed(self._framer.clear())
        self._talk.starts_compression, self._talk.is_compressed = False, True

    def _touched(self, mailbox_id: int, modseq: int) -> None:
        self._terms.registry.touched(mailbox_id, self)
        self._terms.ring(mailbox_id, modseq)

    def _ring_all(self, mailbox_id: int, modseq: int) -> None:
        self._talk.must_look |= self._talk.view is not None and self._talk.view.mailbox_id == mailbox_id
        self._touched(mailbox_id, modseq)

    def _conversation(self) -> Conversation:
        return Conversation(
            store=self._terms.store,
            doorkeeper=self._terms.doorkeeper(self._ticket.source, self._ticket.peer),
            output=self._outlet,
            house=self._terms.house,
            is_tls=self._transport.get_extra_info("sslcontext") is not None,
            may_start_tls=self._terms.tls is not None,
            tokens=self._terms.tokens,
            letterbox=self._terms.letterbox,
            now=time.time,
            admit=lambda account_id: self._terms.registry.admit(self, account_id),
            watch=lambda mailbox_id: self._terms.registry.watch(self, mailbox_id),
            touched=self._touched,
            ring=self._ring_all,
        )
