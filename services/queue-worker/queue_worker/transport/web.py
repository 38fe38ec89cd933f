"""HTTP/1.1 as a client, over a Channel: h11 for the grammar, our own limits and deadlines.

No redirect is followed: a stranger's header never chooses whom we talk to. No cookies, no compression, no chunked
bodies of ours.
"""

import ssl
from collections.abc import Sequence
from dataclasses import dataclass

import h11

from queue_worker.transport.channel import Channel, Lost, TooSlow
from queue_worker.transport.dial import dial
from queue_worker.transport.places import IpAddress
from queue_worker.transport.values import Stopped, Terms, try_later

MAX_HEADER = 16 * 1024  # octets of a response's header
MAX_INFORMATIONAL = 10  # 1xx before the response; a flood of them would keep the loop busy until the deadline

CANNOT_CONNECT = try_later("4.7.5", "No TLS connection to the server")

Headers = list[tuple[str, str]]


class NoAnswer(Exception):
    """The exchange broke off. `was_sent`: the whole request had left, so that it may have been obeyed."""

    def __init__(self, was_sent: bool) -> None:
        super().__init__("no answer")
        self.was_sent = was_sent


@dataclass(frozen=True, slots=True)
class Page:
    """A response: `body` is cut at the limit asked for, which `is_whole` tells."""

    status: int
    kind: str
    body: bytes
    is_whole: bool


class Site:
    """One connection to a web server; requests one after another."""

    def __init__(self, channel: Channel, authority: str) -> None:
        self.channel = channel
        self._authority = authority
        self._http = h11.Connection(h11.CLIENT, max_incomplete_event_size=MAX_HEADER)

    @property
    def is_open(self) -> bool:
        """Whether another request can be sent."""
        is_ready = self._http.our_state is h11.IDLE and not self.channel.received
        return is_ready and self.channel.is_open and not self.channel.has_ended

    async def ask(
        self,
        method: str,
        path: str,
        seconds: float,
        *,
        extra: Headers | None = None,
        body: bytes = b"",
        most: int = 4096,
    ) -> Page:
        """Send a request and return its response, `most` octets of it, within `seconds`; raise NoAnswer."""
        was_sent = False
        self.channel.give(seconds)
        headers = [("Host", self._authority), *(extra or [])]
        if method == "POST":
            headers.append(("Content-Length", str(len(body))))
        try:
            self.channel.write(self._spoken(h11.Request(method=method, target=path, headers=headers)))
            if body:
                await self.channel.write_all(self._spoken(h11.Data(data=body)))
            self._http.send(h11.EndOfMessage())
            was_sent = True
            self.channel.give(seconds)
            return await self._page(most)
        except (Lost, TooSlow, h11.ProtocolError):
            self.channel.abort()
            raise NoAnswer(was_sent) from None
        except BaseException:
            self.channel.abort()
            raise

    async def _page(self, most: int) -> Page:
        for _ in range(MAX_INFORMATIONAL + 1):
            response = await self._event()
            if not isinstance(response, h11.InformationalResponse):
                break
        if not isinstance(response, h11.Response):
            raise Lost
        body, is_whole = await self._body(most)
        kind = dict(response.headers).get(b"content-type", b"").decode("latin-1").partition(";")[0].strip().lower()
        if self._http.our_state is h11.DONE and self._http.their_state is h11.DONE:
            self._http.start_next_cycle()
        return Page(response.status_code, kind, body, is_whole)

    async def _body(self, most: int) -> tuple[bytes, bool]:
        body = bytearray()
        try:
            while isinstance(event := await self._event(), h11.Data):
                body += event.data
                if len(body) > most:
                    return bytes(body[:most]), False
        except (Lost, TooSlow, h11.ProtocolError):  # the status was the verdict, and that is here
            self.channel.abort()
            return bytes(body), False
        return bytes(body), True

    async def _event(self) -> object:
        while (event := self._http.next_event()) is h11.NEED_DATA:
            if not self.channel.received and not self.channel.has_ended:
                await self.channel.more()
            self._http.receive_data(bytes(self.channel.received))  # nothing means its end, and so h11 takes it
            self.channel.received.clear()
        return event

    def _spoken(self, event: h11.Event) -> bytes:
        return self._http.send(event) or b""


async def open_site(
    addresses: Sequence[IpAddress], name: str, context: ssl.SSLContext, terms: Terms, seconds: float
) -> Site:
    """Connect to a web server by TLS as `name` within `seconds`; raise Stopped, or ssl.SSLError for its certificate."""
    channel = await dial(addresses, terms.port_https, terms, seconds)
    channel.give(seconds)
    try:
        await channel.start_tls(context, name)
    except (Lost, TooSlow):
        raise Stopped(CANNOT_CONNECT.at(name)) from None
    except ssl.SSLCertVerificationError:
        raise
    except ssl.SSLError:
        raise Stopped(CANNOT_CONNECT.at(name)) from None
    except BaseException:
        channel.abort()
        raise
    bracketed = f"[{name}]" if ":" in name else name
    return Site(channel, bracketed if terms.port_https == 443 else f"{bracketed}:{terms.port_https}")
