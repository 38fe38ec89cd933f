"""A mail server of somebody else, which does what a test tells it: SMTP, and HTTPS with `/mxdeliv`.

    with Remote("127.0.0.2", authority.issue("mx.a.test")) as remote:
        remote.port, remote.https_port                   # free ones, unless given
        remote.at("RCPT", "450 4.2.0 later")             # what it answers at a step, from now on
        remote.at("RCPT bob@a.test", "550 5.1.1 no")     # for one recipient (the sender likewise: "MAIL ann@b.test")
        remote.at("DOT", DROP, times=1)                  # or does: DROP, RESET, HANG, DRIP; the next time as usual
        remote.at("STARTTLS", b"220 go\\r\\n250 ha\\r\\n")   # octets as they are, nothing added
        remote.at("POST", (400, "554 5.7.1 no"))         # an HTTP status and text
        remote.letters                                   # what arrived whole, in order
        remote.has_done("DOT")                           # so often as it was told
        remote.forget()                                  # as if nothing had been: script and records

Steps: CONNECT (before the greeting), EHLO, STARTTLS, TLS (instead of the handshake), MAIL, RCPT, DATA, BODY (after the
first octets of the message), DOT, RSET, QUIT; HTTPS (instead of the handshake), GET, POST. An action:

- a str is the reply, its lines separated by newlines; a 421 closes the connection after it, as in life
- bytes go out as they are
- DROP closes in good order, RESET with an RST, HANG says nothing until the other side goes
- DRIP sends the usual reply (at BODY: reads the message) one octet in `drip_seconds`

`offers` are the EHLO extensions beside STARTTLS; without a leaf there is none, and no HTTPS. `pages` are further
documents of the web server: path to (status, content type, octets). `stop()` closes the ports (connections are
refused) and drops who is connected, `start()` opens the same ports again. A thread of its own serves it, so it works
in sync and async tests; several Remotes may have the same port on several addresses.
"""

import asyncio
import socket
import ssl
import struct
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from enum import Enum, auto
from types import TracebackType
from typing import Self

from tests.certificates import Leaf

LIMIT = 64 * 1024  # octets read ahead: a remote that reads slowly is felt soon
OFFERS = ("PIPELINING", "SIZE 33554432", "8BITMIME", "ENHANCEDSTATUSCODES", "SMTPUTF8")


class Act(Enum):
    DROP = auto()
    RESET = auto()
    HANG = auto()
    DRIP = auto()


DROP, RESET, HANG, DRIP = Act
Action = Act | str | bytes | tuple[int, str]


@dataclass(frozen=True)
class Letter:
    """A message that arrived whole. `octets` as sent, `wire` as they went over SMTP; `answer` is what we said to it.

    `time` is when, on the monotonic clock.
    """

    sender: str
    recipients: tuple[str, ...]
    octets: bytes
    wire: bytes
    answer: str
    way: str  # smtp or https
    peer: str
    is_encrypted: bool
    parameters: str = ""  # of MAIL
    time: float = field(default_factory=time.monotonic, compare=False)


class _Gone(Exception):
    """The connection is over."""


class Remote:
    """See the module's text."""

    def __init__(
        self,
        address: str = "127.0.0.2",
        leaf: Leaf | None = None,
        *,
        port: int = 0,
        https_port: int = 0,
        offers: tuple[str, ...] = OFFERS,
        context: ssl.SSLContext | None = None,
    ) -> None:
        self.address, self.port, self.https_port = address, port, https_port
        self.offers = offers
        self.context = context or (leaf.server_context() if leaf else None)
        self.drip_seconds = 1.0
        self.pages: dict[str, tuple[int, str, bytes]] = {}
        self.names_asked: list[str | None] = []  # by SNI
        self.forget()
        self._servers: list[asyncio.Server] = []
        self._guests: set[asyncio.Task[None]] = set()
        if self.context:
            self.context.sni_callback = lambda _tls, name, _context: self.names_asked.append(name)

    def forget(self) -> None:
        """Forget the script and what was recorded."""
        self.letters: list[Letter] = []
        self.commands: list[str] = []
        self.requests: list[str] = []
        self.connections = 0  # over SMTP
        self.https_connections = 0
        self._script: dict[str, list[Action | None]] = {}

    def at(self, step: str, action: Action, times: int | None = None) -> None:
        """Do this at a step, always or so many times."""
        self._script[step] = [action] * times if times else [action, None]

    def has_done(self, step: str) -> bool:
        """Tell if what was to be done so many times at a step has been done."""
        return not self._script.get(step)

    def replace_leaf(self, leaf: Leaf) -> None:
        """Show another certificate from now on."""
        self.context = leaf.server_context()

    def __enter__(self) -> Self:
        self._loop = asyncio.new_event_loop()
        self._loop.set_exception_handler(lambda loop, context: None)  # what a test breaks may complain
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        asyncio.run_coroutine_threadsafe(asyncio.sleep(0.01), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def start(self) -> None:
        asyncio.run_coroutine_threadsafe(self._start(), self._loop).result(10)

    def stop(self) -> None:
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result(10)

    async def _start(self) -> None:
        smtp = await asyncio.start_server(self._smtp, self.address, self.port, limit=LIMIT)
        self.port = smtp.sockets[0].getsockname()[1]
        self._servers = [smtp]
        if self.context:
            https = await asyncio.start_server(self._https, self.address, self.https_port, limit=LIMIT)
            self.https_port = https.sockets[0].getsockname()[1]
            self._servers.append(https)

    async def _stop(self) -> None:
        for server in self._servers:
            server.close()
        for guest in self._guests:
            guest.cancel()
        if self._guests:
            await asyncio.wait(self._guests)

    async def _smtp(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        await self._serve(_Smtp(self, reader, writer))

    async def _https(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.https_connections += 1
        await self._serve(_Https(self, reader, writer))

    async def _serve(self, guest: "_Guest") -> None:
        task = asyncio.current_task()
        assert task
        self._guests.add(task)
        try:
            await guest.serve()
        except (_Gone, OSError, ssl.SSLError, EOFError, asyncio.CancelledError, asyncio.LimitOverrunError):
            pass
        finally:
            self._guests.discard(task)
            guest.writer.transport.abort()

    def _action(self, step: str, whose: str = "") -> Action | None:
        for name in (f"{step} {whose}", step):
            actions = self._script.get(name)
            if actions:
                return actions[0] if actions[-1] is None else actions.pop(0)
        return None


class _Guest:
    """One connection to us."""

    def __init__(self, remote: Remote, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.remote, self.reader, self.writer = remote, reader, writer
        self.is_encrypted = False

    async def serve(self) -> None:
        raise NotImplementedError

    async def start_tls(self) -> None:
        assert self.remote.context
        await self.writer.start_tls(self.remote.context)
        self.is_encrypted = True

    async def act(self, action: Action | None, usual: str) -> str:
        """Do what the script says or what is usual; return what was said."""
        if action is DRIP:
            await self._drip(_lines(usual))
            return usual
        if isinstance(action, Act):
            await self._leave(action)
        if isinstance(action, bytes):
            self.writer.write(action)
            return action.decode("latin-1")
        said = action if isinstance(action, str) else usual
        self.writer.write(_lines(said))
        if said.startswith("421"):
            await self.writer.drain()
            await self._leave(DROP)
        return said

    async def _leave(self, act: Act) -> None:
        if act is HANG:
            while await self.reader.read(65536):
                pass
        if act is RESET:
            linger = struct.pack("ii", 1, 0)
            self.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            self.writer.transport.abort()
        else:
            self.writer.close()
            with suppress(OSError, ssl.SSLError):
                await self.writer.wait_closed()
        raise _Gone

    async def _drip(self, octets: bytes) -> None:
        for octet in octets:
            self.writer.write(bytes([octet]))
            await self.writer.drain()
            await asyncio.sleep(self.remote.drip_seconds)


class _Smtp(_Guest):
    async def serve(self) -> None:
        self._reset()
        await self.act(self.remote._action("CONNECT"), "220 remote.test ESMTP")
        while line := await self.reader.readline():
            command = line.decode("utf-8", "replace").rstrip("\r\n")
            self.remote.commands.append(command)
            await self._obey(command)

    def _reset(self) -> None:
        self.has_sender, self.sender, self.parameters, self.recipients = False, "", "", list[str]()

    async def _obey(self, command: str) -> None:
        verb = command.partition(" ")[0].upper()
        address = command.partition("<")[2].partition(">")[0]
        action = self.remote._action(verb, address)
        match verb:
            case "EHLO":
                await self.act(action, self._greeting())
            case "STARTTLS":
                await self._starttls(action)
            case "MAIL":
                self._reset()
                self.sender, self.parameters = address, command.partition(">")[2].strip()
                self.has_sender = (await self.act(action, "250 2.1.0 sender ok")).startswith("2")
            case "RCPT":
                usual = "250 2.1.5 recipient ok" if self.has_sender else "503 5.5.1 from whom?"
                if (await self.act(action, usual)).startswith("2"):
                    self.recipients.append(address)
            case "DATA":
                if (await self.act(action, "354 go on" if self.recipients else "554 5.5.1 nobody")).startswith("354"):
                    await self._data()
            case "QUIT":
                await self.act(action, "221 2.0.0 bye")
                raise _Gone
            case _:
                await self.act(action, "250 2.0.0 ok")

    def _greeting(self) -> str:
        offered = [*self.remote.offers, *([] if self.is_encrypted or not self.remote.context else ["STARTTLS"])]
        lines = ["remote.test", *offered]
        return "\n".join(f"250{' ' if line is lines[-1] else '-'}{line}" for line in lines)

    async def _starttls(self, action: Action | None) -> None:
        said = await self.act(action, "220 2.0.0 go" if self.remote.context else "502 5.5.1 what")
        instead = self.remote._action("TLS")
        if instead:
            await self.act(instead, "")
        elif said.startswith("220"):
            await self.start_tls()

    async def _data(self) -> None:
        wire = await self._wire()
        octets = wire.removesuffix(b".\r\n")
        octets = octets.replace(b"\r\n.", b"\r\n")
        octets = octets[1:] if octets.startswith(b".") else octets
        action, usual = self.remote._action("DOT"), "250 2.0.0 queued"
        answer = action if isinstance(action, str) else "" if action else usual
        self.remote.letters.append(
            Letter(
                self.sender,
                tuple(self.recipients),
                octets,
                wire,
                answer,
                "smtp",
                self.writer.get_extra_info("peername")[0],
                self.is_encrypted,
                self.parameters,
            )
        )
        await self.act(action, usual)
        self._reset()

    async def _wire(self) -> bytes:
        wire, end = bytearray(), b""
        action = self.remote._action("BODY")
        if action is DRIP:
            while wire[-5:] != b"\r\n.\r\n":
                wire += await self.reader.readexactly(1)
                await asyncio.sleep(self.remote.drip_seconds)
            return bytes(wire)
        while line := await self.reader.readline():
            wire += line
            if action:
                await self.act(action, "")
            if line == b".\r\n" and end in (b"", b"\r\n"):
                return bytes(wire)
            end = line[-2:]
        raise _Gone


class _Https(_Guest):
    async def serve(self) -> None:
        instead = self.remote._action("HTTPS")
        if instead:
            await self.act(instead, "")
        await self.start_tls()
        while True:
            head = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            headers = [(name.lower(), value.strip()) for name, _, value in (line.partition(":") for line in head[1:])]
            body = await self.reader.readexactly(int(dict(headers).get("content-length", 0)))
            await self._respond(head[0], headers, body)

    async def _respond(self, request: str, headers: list[tuple[str, str]], body: bytes) -> None:
        method, path, _ = request.split(" ")
        self.remote.requests.append(f"{method} {path}")
        action = self.remote._action(method)
        if path in self.remote.pages:
            await self._say(*self.remote.pages[path])
        elif action is not None and not isinstance(action, tuple):
            if method == "POST" and action is not RESET:
                self._record(headers, body, "")
            await self.act(action, "HTTP/1.1 200 OK\nContent-Length: 0\n\n")
        elif path != "/mxdeliv":
            await self._say(404, "text/plain", b"")
        else:
            status, text = action or ((200, "") if method == "POST" else (405, ""))
            if method == "POST":
                self._record(headers, body, f"{status} {text}".strip())
            await self._say(status, "text/plain", text.encode())

    async def _say(self, status: int, kind: str, body: bytes) -> None:
        head = f"HTTP/1.1 {status} so\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n"
        self.writer.write(head.encode() + body)

    def _record(self, headers: list[tuple[str, str]], body: bytes, answer: str) -> None:
        recipients = tuple(value for name, value in headers if name == "x-mail-to")
        sender = dict(headers).get("x-mail-from", "")
        peer = self.writer.get_extra_info("peername")[0]
        self.remote.letters.append(Letter(sender, recipients, body, body, answer, "https", peer, self.is_encrypted))


def _lines(text: str) -> bytes:
    return "".join(f"{line}\r\n" for line in text.split("\n")).encode() if text else b""
