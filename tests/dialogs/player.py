"""Reads dialogue files and plays them against a server, whole or byte by byte (format: README.md).

Strategy: a file becomes a list of steps; `play` walks them over any `Wire`. Two wires are here: a socket,
and an `asyncio.Protocol` held in memory. A mismatch raises `Mismatch` with file, line, expected and got.
"""

import asyncio
import base64
import codecs
import contextlib
import re
import ssl
import zlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

PATIENCE = 20.0  # seconds without a line after which a dialogue has failed; never part of a passing run

Kind = Literal["send", "expect", "skip", "closed", "tls", "deflate", "event"]
Event = Callable[[str], Awaitable[None]]


@dataclass(frozen=True)
class Step:
    """One line of a dialogue: `data` is what is sent, `text` what is expected or happens."""

    kind: Kind
    place: str
    text: str = ""
    data: bytes = b""


@dataclass
class Dialog:
    """A parsed file; `header` keeps its keys in order, repeated or not."""

    name: str
    steps: list[Step]
    header: list[tuple[str, str]] = field(default_factory=list)

    def value(self, key: str, default: str = "") -> str:
        """Return the last value of a header key."""
        return dict(self.header).get(key, default)


class Mismatch(AssertionError):
    """The server did not say what the dialogue says."""


class Wire(Protocol):
    """What a dialogue is played over."""

    async def send(self, data: bytes) -> None:
        """Send octets to the server; quietly nothing if it has closed."""

    async def readline(self) -> bytes:
        """Return the next line with its end, or what is left before the close, or b"" once closed."""

    async def read(self) -> bytes:
        """Return what has come, at least an octet, or b"" once closed."""

    async def start_tls(self) -> None:
        """Make the client's side of the connection TLS."""

    async def close(self) -> None:
        """Hang up without a word."""


# Reading


def parse(path: Path) -> Dialog:
    """Read a dialogue file; a line of no known kind is an error."""
    lines = path.read_text(encoding="utf-8").splitlines()
    cut = lines.index("---") if "---" in lines else -1
    dialog = Dialog(path.stem, [])
    for line in lines[: max(cut, 0)]:
        if line.strip() and not line.startswith("#"):
            key, _, value = line.partition(":")
            dialog.header.append((key.strip(), value.strip()))
    for number, line in enumerate(lines[cut + 1 :], cut + 2):
        if line.strip() and not line.startswith("#"):
            dialog.steps.append(_step(line, f"{path.name}:{number}"))
    return dialog


def _step(line: str, place: str) -> Step:
    mark, text = line[:2], line[3:]
    if mark == "C:":
        return Step("send", place, data=_expand(text).encode("utf-8") + b"\r\n")
    if mark == "C>":
        return Step("send", place, data=unescape(_expand(text)))
    if mark == "S:":
        return Step("expect", place, text=text)
    if mark == "E:":
        return Step("event", place, text=text)
    words: dict[str, Kind] = {"S...": "skip", "S! closed": "closed", "TLS": "tls", "DEFLATE": "deflate"}
    if line.strip() not in words:
        raise ValueError(f"{place}: what is {line!r}?")
    return Step(words[line.strip()], place)


def _expand(text: str) -> str:
    return re.sub(r"\{\{(.*?)\}\}(?!\})", _expanded, text)


def _expanded(match: re.Match[str]) -> str:
    inner = match[1]
    if inner.startswith("base64 "):
        return base64.b64encode(unescape(inner[7:])).decode()
    repeated, star, count = inner.rpartition("*")
    if not star or not count.isdigit():
        raise ValueError(f"neither a repeat nor base64: {match[0]!r}")
    return repeated * int(count)


def unescape(text: str) -> bytes:
    """Return the octets that a text with backslash escapes stands for."""
    return codecs.escape_decode(text.encode("utf-8"))[0]


def expectation(text: str) -> re.Pattern[bytes]:
    """Return the pattern of an `S:` line, without its CRLF."""
    parts = re.split(r"\{\{(.*?)\}\}(?!\})", text)
    return re.compile("".join(p if i % 2 else re.escape(p) for i, p in enumerate(parts)).encode(), re.DOTALL)


# Playing


async def play(dialog: Dialog, wire: Wire, *, bytewise: bool = False, event: Event | None = None) -> None:
    """Walk the steps; raise Mismatch at the first line that differs."""
    is_skipping = False
    pending = b""
    for step in dialog.steps:
        if step.kind != "send":
            await _send(wire, pending, bytewise)
            pending = b""
        match step.kind:
            case "send":
                pending += step.data
            case "expect":
                await _expect(wire, step, is_skipping)
                is_skipping = False
            case "skip":
                is_skipping = True
            case "closed":
                await _closed(wire, step, is_skipping)
            case "tls":
                await wire.start_tls()
            case "deflate":
                wire = DeflatedWire(wire)
            case "event":
                assert event is not None, f"{step.place}: this player knows no events"
                await event(step.text)
    await _send(wire, pending, bytewise)


async def _send(wire: Wire, data: bytes, bytewise: bool) -> None:
    for piece in _bytewise(data) if bytewise else [data]:
        if piece:
            await wire.send(piece)


def _bytewise(data: bytes) -> list[bytes]:
    # What is long is long in its middle: single octets at both ends, where lines and limits are.
    if len(data) <= 4096:
        return [data[i : i + 1] for i in range(len(data))]
    return [*_bytewise(data[:2048]), data[2048:-2048], *_bytewise(data[-2048:])]


async def _expect(wire: Wire, step: Step, is_skipping: bool) -> None:
    pattern = expectation(step.text)
    while True:
        line = await _read(wire, step)
        if line.endswith(b"\r\n") and pattern.fullmatch(line[:-2]):
            return
        if not is_skipping or not line:
            raise Mismatch(f"{step.place}\n expected {step.text!r}\n got      {line[:400]!r}")


async def _closed(wire: Wire, step: Step, is_skipping: bool) -> None:
    while line := await _read(wire, step):
        if not is_skipping:
            raise Mismatch(f"{step.place}\n expected the connection to be closed\n got      {line[:400]!r}")


async def _read(wire: Wire, step: Step) -> bytes:
    try:
        async with asyncio.timeout(PATIENCE):
            return await wire.readline()
    except TimeoutError:
        raise Mismatch(f"{step.place}\n expected {step.text or step.kind!r}\n got      nothing") from None


# Wires


class SocketWire:
    """A connection over a real socket."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def connect(cls, host: str, port: int, *, is_tls: bool = False, holds: int = 1 << 26) -> "SocketWire":
        """Connect; with `is_tls`, any certificate will do. About `holds` octets are taken before they are read."""
        tls = any_certificate() if is_tls else None
        return cls(*await asyncio.open_connection(host, port, ssl=tls, limit=holds))

    async def send(self, data: bytes) -> None:
        """See Wire."""
        with contextlib.suppress(OSError):
            self._writer.write(data)
            await self._writer.drain()

    async def readline(self) -> bytes:
        """See Wire."""
        try:
            return await self._reader.readline()
        except OSError:
            return b""

    async def read(self) -> bytes:
        """See Wire."""
        try:
            return await self._reader.read(1 << 16)
        except OSError:
            return b""

    async def start_tls(self) -> None:
        """See Wire."""
        await self._writer.start_tls(any_certificate())

    async def close(self) -> None:
        """Close without a word."""
        self._writer.close()
        with contextlib.suppress(OSError):
            await self._writer.wait_closed()


def any_certificate() -> ssl.SSLContext:
    """Return a client context that accepts whatever certificate the test server shows."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


class MemoryTransport(asyncio.Transport):
    """The server's transport in memory: collects what is written, honours closing, never pushes back."""

    def __init__(self, protocol: asyncio.Protocol, extra: dict[str, Any] | None = None) -> None:
        super().__init__(extra or {"peername": ("127.0.0.1", 40000), "sockname": ("127.0.0.1", 0)})
        self._protocol: asyncio.BaseProtocol = protocol
        self._is_closing = False
        self.arrived = asyncio.Event()
        self.buffer = bytearray()

    def write(self, data: Any) -> None:
        """Collect."""
        if not self._is_closing:
            self.buffer += data
            self.arrived.set()

    def writelines(self, list_of_data: Any) -> None:
        """Collect all."""
        self.write(b"".join(list_of_data))

    def is_closing(self) -> bool:
        """Say whether either side has closed."""
        return self._is_closing

    def close(self) -> None:
        """Close, and tell the protocol in the loop's next turn, as a socket transport does."""
        if not self._is_closing:
            self._is_closing = True
            self.arrived.set()
            asyncio.get_running_loop().call_soon(self._protocol.connection_lost, None)

    abort = close

    def get_protocol(self) -> asyncio.BaseProtocol:
        """Return the protocol that is fed."""
        return self._protocol

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """Feed another protocol from now on."""
        self._protocol = protocol

    def pause_reading(self) -> None:
        """Nothing is read on its own here."""

    def resume_reading(self) -> None:
        """Nothing is read on its own here."""

    def get_write_buffer_size(self) -> int:
        """Nothing ever waits here."""
        return 0

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Nothing ever waits here."""


class MemoryWire:
    """A connection to an `asyncio.Protocol` without any socket; needs a running loop."""

    def __init__(self, protocol: asyncio.Protocol, extra: dict[str, Any] | None = None) -> None:
        self.transport = MemoryTransport(protocol, extra)
        protocol.connection_made(self.transport)

    async def send(self, data: bytes) -> None:
        """See Wire."""
        protocol = self.transport.get_protocol()
        assert isinstance(protocol, asyncio.Protocol)
        if not self.transport.is_closing():
            protocol.data_received(data)
        await asyncio.sleep(0)

    async def readline(self) -> bytes:
        """See Wire."""
        buffer = self.transport.buffer
        while (end := buffer.find(b"\n") + 1) == 0 and not self.transport.is_closing():
            self.transport.arrived.clear()
            await self.transport.arrived.wait()
        end = end or len(buffer)
        line = bytes(buffer[:end])
        del buffer[:end]
        return line

    async def read(self) -> bytes:
        """See Wire."""
        buffer = self.transport.buffer
        while not buffer and not self.transport.is_closing():
            self.transport.arrived.clear()
            await self.transport.arrived.wait()
        data = bytes(buffer)
        buffer.clear()
        return data

    async def start_tls(self) -> None:
        """No TLS in memory: mark the dialogue `play: socket`."""
        raise NotImplementedError("play: socket")

    async def close(self) -> None:
        """Hang up without a word."""
        self.transport.close()
        await asyncio.sleep(0)


class DeflatedWire:
    """A wire inside another, compressed both ways as RFC 4978 has it."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._out = zlib.compressobj(wbits=-15)
        self._in = zlib.decompressobj(-15)
        self._plain = bytearray()

    async def send(self, data: bytes) -> None:
        """See Wire."""
        await self._wire.send(self._out.compress(data) + self._out.flush(zlib.Z_SYNC_FLUSH))

    async def readline(self) -> bytes:
        """See Wire."""
        while (end := self._plain.find(b"\n") + 1) == 0 and (data := await self.read()):
            self._plain += data
        end = end or len(self._plain)
        line = bytes(self._plain[:end])
        del self._plain[:end]
        return line

    async def read(self) -> bytes:
        """See Wire."""
        plain = b""
        while not plain and (data := await self._wire.read()):
            plain = self._in.decompress(data)
        return plain

    async def start_tls(self) -> None:
        """Compression lies inside TLS, never outside."""
        raise NotImplementedError

    async def close(self) -> None:
        """Close what it lies in."""
        await self._wire.close()


def files(folder: Path) -> Sequence[Path]:
    """Return a folder's dialogues by name."""
    found = sorted(folder.glob("*.txt"))
    assert found, f"no dialogues in {folder}"
    return found
