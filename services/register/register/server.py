"""uvicorn's HTTP protocol behind the suite's one accept path.

Strategy: `shared.listen` admits connections, counts them and speaks TLS; uvicorn reads and writes HTTP. Its `Server`
is not used: of its work only the Date header is left, and `HttpServer.keep_time` does that. Between the two stand
bounds that uvicorn does not set: how long a request and a connection may last, how large a request may be, how many
may be waiting. The client's address never reaches the app: in its place stands the source its connection was
admitted under. One path may be large: `/mxdeliv`, whose requests are whole messages. They have bounds of their own, and
they alone carry the address (as `peer` in the scope's state), which a sender's claims are held against. A web proxy of
ours speaks for many: who asks is told anew by each of its requests.
"""

import asyncio
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from email.utils import formatdate

from starlette.types import ASGIApp
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from register import forwarded
from register.forwarded import Forwarding, Scheme
from shared import abuse
from shared.listen.door import Door
from shared.listen.ticket import Ip, Ticket

REQUEST_SECONDS = 10.0  # from the first octet of a request to its last
LIFE_SECONDS = 60.0  # of a connection, however busy
ENDING_SECONDS = 10.0  # for the last answer to be taken
MAX_REQUEST = 32 * 1024  # octets, line, headers and body together
MAX_WAITING = 8  # pipelined requests
LARGE_SECONDS = 120.0  # for a large request; other servers wait a minute for its answer
MAX_LARGE_HEADER = 320 * 1024  # a thousand recipients of the greatest length

_SLICE = 4096

TOO_MANY_CONNECTIONS = (
    b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 5\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
)
_TOO_SLOW = b"HTTP/1.1 408 Request Timeout\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
_TOO_LARGE = b"HTTP/1.1 413 Content Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Large:
    """The one path whose requests may have a body of `octets`; "" where there is none."""

    path: bytes = b""
    octets: int = 0


class TooManyWaiting(Exception):
    """Raised inside the parser, which makes a 400 of it."""


class Connection(HttpToolsProtocol):
    """One connection: uvicorn's, with a ticket and with bounds."""

    def __init__(
        self,
        config: Config,
        state: ServerState,
        ticket: Ticket,
        scheme: Scheme,
        large: Large,
        forwarding: Forwarding | None,
    ) -> None:
        super().__init__(config, state, {})
        self._ticket = ticket
        self._large = large
        self._forwarding = forwarding if forwarding and ticket.peer in forwarding.proxies else None
        self._room = MAX_REQUEST
        self._scheme: Scheme = scheme
        self._unfinished = 0  # octets of the request that is arriving
        self._arriving = ""  # the source of a proxy's request until it is there
        self._request_timer: asyncio.TimerHandle | None = None
        self._life_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        super().connection_made(transport)
        self.client, self.server, self.scheme = (self._ticket.source, 0), None, self._scheme
        self._ticket.on_drain = self.shutdown
        self._live_on(LIFE_SECONDS)
        self._expect_request(REQUEST_SECONDS)

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._has_arrived()
        self._unset_keepalive_if_required()
        for timer in (self._request_timer, self._life_timer):
            if timer:
                timer.cancel()
        self._ticket.close()

    def data_received(self, data: bytes) -> None:
        # In slices, so that what is refused does not depend on how the octets happened to arrive.
        for start in range(0, len(data), _SLICE):
            part = data[start : start + _SLICE]
            self._unfinished += len(part)
            if self._unfinished > self._room:
                self._refuse(_TOO_LARGE)
            if self.transport.is_closing():
                return
            super().data_received(part)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._room = MAX_REQUEST
        self._expect_request(REQUEST_SECONDS)

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._large.octets and self.url == self._large.path:
            self._room = MAX_LARGE_HEADER
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        if len(self.pipeline) >= MAX_WAITING:
            raise TooManyWaiting
        super().on_headers_complete()
        peer = self._attribute(self._forwarding) if self._forwarding else self._ticket.peer
        if self._large.octets and self.scope["raw_path"] == self._large.path:
            self._room += 2 * self._large.octets  # chunks have their price
            self._expect_request(LARGE_SECONDS)
            self._live_on(LARGE_SECONDS + LIFE_SECONDS)
            self.scope["state"]["peer"] = peer
        # The pages may say of their visitor that he asks too much, but not learn who he is.
        self.scope["state"]["tell_firewall"] = lambda word: abuse.tell(word, peer)

    def _attribute(self, forwarding: Forwarding) -> Ip:
        """Put the request down to whom the proxy names, and return that address; no task has seen the scope yet."""
        client = forwarded.client(self._ticket.peer, self.headers, forwarding.proxies)
        source = forwarding.source(str(client))
        self.scope["client"] = (source, 0)
        self.scope["scheme"] = forwarded.scheme(self.headers, self._scheme)
        if forwarding.begin(source):
            self._arriving = source
        else:
            abuse.tell("too_many_connections", client)
            self._refuse(TOO_MANY_CONNECTIONS)
        return client

    def _has_arrived(self) -> None:
        if self._forwarding and self._arriving:
            self._forwarding.end(self._arriving)
            self._arriving = ""

    def on_message_complete(self) -> None:
        super().on_message_complete()
        self._has_arrived()
        self._unfinished = 0
        if self._request_timer:
            self._request_timer.cancel()

    def _expect_request(self, seconds: float) -> None:
        if self._request_timer:
            self._request_timer.cancel()
        self._request_timer = self.loop.call_later(seconds, self._refuse, _TOO_SLOW)

    def _live_on(self, seconds: float) -> None:
        if self._life_timer:
            self._life_timer.cancel()
        self._life_timer = self.loop.call_later(seconds, self._end)

    def _refuse(self, answer: bytes) -> None:
        if self.transport.is_closing():
            return
        if self.cycle is not None:
            self.cycle.disconnected = True  # the app's answer, if it is still at work, has come too late
        self.transport.write(answer)
        self.transport.close()

    def _end(self) -> None:
        self.shutdown()
        # A client that does not read its answer would keep a closing transport for ever.
        self._life_timer = self.loop.call_later(ENDING_SECONDS, self.transport.abort)


class HttpServer:
    """Makes the protocols of one ASGI app; `large` is where large requests are let in, `forwarding` through whom."""

    def __init__(self, app: ASGIApp, large: Large = Large(), forwarding: Forwarding | None = None) -> None:
        self._large = large
        self._forwarding = forwarding
        self._state = ServerState()
        self._config = Config(
            app,
            loop="none",
            http=Connection,
            ws="none",
            lifespan="off",
            interface="asgi3",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
        )
        self._config.load()
        self._write_date()

    def speak(self, scheme: Scheme) -> Callable[[Ticket], Connection]:
        """Return what makes a protocol for a door."""
        return lambda ticket: Connection(self._config, self._state, ticket, scheme, self._large, self._forwarding)

    async def keep_time(self) -> None:
        """Keep the Date header right, for ever (RFC 9110 §6.6.1)."""
        while True:
            self._write_date()
            await asyncio.sleep(1.0)

    def _write_date(self) -> None:
        self._state.default_headers = [(b"date", formatdate(usegmt=True).encode())]


def doors(http: HttpServer, addresses: list[str], ports: tuple[int, int], tls: ssl.SSLContext) -> list[Door]:
    """Return the doors of both schemes at every address; `ports` are those of http and https."""
    clear, secret = ports
    return [
        door
        for address in addresses
        for door in (
            Door(address, clear, http.speak("http"), refusal=TOO_MANY_CONNECTIONS),
            Door(address, secret, http.speak("https"), tls),
        )
    ]
