"""Posts to one address on the web, over a few connections that are kept.

Strategy: the far end is somebody else's. Everything it can do (not answer, answer without end, hang up, talk nonsense)
comes to a status of 0 within `seconds`, and leaves no connection behind. An idle connection that was closed meanwhile
shows only when it is used; then the request is made once more on a new one, since telling twice does no harm.
"""

import asyncio
import contextlib
import ssl
from urllib.parse import urlsplit

import h11

SECONDS = 60.0  # for all of it: name, connection, TLS, answer
TEXT_SECONDS = 5.0  # for the text of an answer, which nobody reads
CONNECTIONS = 4
MAX_HEAD = 16 * 1024  # octets
MAX_ANSWER = 64 * 1024
_PORTS = {"http": 80, "https": 443}


class _Stale(Exception):
    """A connection that was kept is of no use any more."""


class Poster:
    """Posts bodies to `url`, http or https with a certificate that verifies; raise ValueError if it is neither."""

    def __init__(self, url: str, *, seconds: float = SECONDS, tls: ssl.SSLContext | None = None) -> None:
        parts = urlsplit(url)
        if parts.scheme not in _PORTS or not parts.hostname or "@" in parts.netloc:
            raise ValueError("an address to post to begins with https:// or http:// and a host")
        self._host, self._port = parts.hostname, parts.port or _PORTS[parts.scheme]
        self._tls = (tls or ssl.create_default_context()) if parts.scheme == "https" else None
        self._target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        self._authority = parts.netloc
        self._seconds = seconds
        self._places = asyncio.Semaphore(CONNECTIONS)
        self._idle: list[_Exchange] = []

    async def post(self, body: bytes) -> int:
        """Post octets, with nothing else said of them; return the status, 0 where there was no answer in time."""
        async with self._places:
            try:
                async with asyncio.timeout(self._seconds):
                    return await self._post(self._request(body), body)
            except (OSError, TimeoutError, EOFError, h11.ProtocolError):  # TLS errors are OSErrors, too
                return 0

    def close(self) -> None:
        """Close what is kept."""
        while self._idle:
            self._idle.pop().abort()

    async def _post(self, request: h11.Request, body: bytes) -> int:
        while self._idle:
            with contextlib.suppress(_Stale):
                return await self._exchange(self._idle.pop(), request, body)
        return await self._exchange(await self._connect(), request, body)

    async def _exchange(self, exchange: "_Exchange", request: h11.Request, body: bytes) -> int:
        may_go_on = False
        try:
            status = await exchange.ask(request, body)
            may_go_on = exchange.may_go_on()
        finally:
            if may_go_on:
                self._idle.append(exchange)
            else:
                exchange.abort()
        return status

    async def _connect(self) -> "_Exchange":
        name = self._host if self._tls else None
        reader, writer = await asyncio.open_connection(self._host, self._port, ssl=self._tls, server_hostname=name)
        return _Exchange(reader, writer)

    def _request(self, body: bytes) -> h11.Request:
        headers = [("Host", self._authority), ("Content-Length", str(len(body)))]
        return h11.Request(method="POST", target=self._target, headers=headers)


class _Exchange:
    """A connection and how far the talk on it has come."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._http = h11.Connection(h11.CLIENT, max_incomplete_event_size=MAX_HEAD)
        self._is_used = False

    async def ask(self, request: h11.Request, body: bytes) -> int:
        """Send the request and return the answer's status; raise _Stale if the peer left while we were idle."""
        was_used, self._is_used = self._is_used, True
        try:
            for event in (request, h11.Data(data=body), h11.EndOfMessage()):
                self._writer.write(self._http.send(event) or b"")
            await self._writer.drain()
            status = await self._status()
        except (OSError, EOFError) as error:
            if was_used:
                raise _Stale from error
            raise
        await self._skip_body()
        return status

    def may_go_on(self) -> bool:
        """Make ready for another request, if both sides can."""
        if self._http.our_state is not h11.DONE or self._http.their_state is not h11.DONE:
            return False
        if self._http.trailing_data[0] or self._reader.at_eof():
            return False  # nothing was asked that this could answer
        self._http.start_next_cycle()
        return True

    def abort(self) -> None:
        """Close at once; what the peer has not taken it need not have."""
        self._writer.transport.abort()

    async def _status(self) -> int:
        heard = 0
        while True:
            event = self._http.next_event()
            if isinstance(event, h11.Response):
                return event.status_code
            if event is h11.NEED_DATA:
                heard += await self._hear()
            elif not isinstance(event, h11.InformationalResponse):
                raise EOFError
            if heard > MAX_ANSWER:
                raise EOFError

    async def _skip_body(self) -> None:
        """Pass over the answer's text, unless it is long or slow: the status is known, the connection can end."""
        with contextlib.suppress(OSError, EOFError, h11.RemoteProtocolError):  # TimeoutError is an OSError
            async with asyncio.timeout(TEXT_SECONDS):
                heard = 0
                while heard <= MAX_ANSWER:
                    event = self._http.next_event()
                    if event is h11.NEED_DATA:
                        heard += await self._hear()
                    elif not isinstance(event, h11.Data):
                        return

    async def _hear(self) -> int:
        data = await self._reader.read(MAX_HEAD)
        if not data:
            raise EOFError
        self._http.receive_data(data)
        return len(data)
