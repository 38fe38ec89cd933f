"""Other servers' stand-in, a process of its own: `python -m bench.out.sink '{…}'`.

It takes every letter, over STARTTLS and with PIPELINING, and forgets it. On standard output it says the port that all
its addresses share; what it has counted stands in a file it shares with the bench, so that asking costs nobody
anything. At a silent address connections are taken by the kernel, and nobody ever speaks.
"""

import asyncio
import json
import mmap
import socket
import ssl
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import uvloop

LETTERS, LAST, CONNECTIONS = range(3)  # what is counted; LAST is when, on the monotonic clock of the machine
_PLACES = 3
_OFFERS = b"250-sink\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-SIZE 52428800\r\n"
_END = b"\r\n.\r\n"
_OK = b"250 2.0.0 OK\r\n"


@dataclass(frozen=True, slots=True)
class Job:
    """Where to listen, with which certificate (PEM, with its key), and the file to count in."""

    addresses: Sequence[str]
    silent: Sequence[str]
    certificate: str
    counts: str


class Counts:
    """Three numbers in a file, written by the sink and read by whoever wants to know."""

    def __init__(self, path: Path) -> None:
        if not path.exists():
            path.write_bytes(bytes(8 * _PLACES))
        with path.open("r+b") as file:
            self._numbers = memoryview(mmap.mmap(file.fileno(), 8 * _PLACES)).cast("d")

    def __getitem__(self, place: int) -> float:
        return self._numbers[place]

    def letter(self) -> None:
        self._numbers[LETTERS] += 1
        self._numbers[LAST] = time.monotonic()

    def connection(self) -> None:
        self._numbers[CONNECTIONS] += 1


class Sink(asyncio.Protocol):
    """One connection. The commands that matter are told by their first four letters; everything else is fine."""

    def __init__(self, context: ssl.SSLContext, counts: Counts) -> None:
        self._context = context
        self._counts = counts
        self._buffer = bytearray()
        self._is_in_letter = self._is_secure = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: asyncio.Transport = transport  # type: ignore[assignment]
        if not self._is_secure:
            self._counts.connection()
            self._transport.write(b"220 sink\r\n")

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        replies: list[bytes] = []
        while (reply := self._step()) is not None:
            replies.append(reply)
        if replies:
            self._transport.write(b"".join(replies))

    def _step(self) -> bytes | None:
        end = self._buffer.find(_END if self._is_in_letter else b"\r\n")
        if end < 0:
            return None
        if self._is_in_letter:
            del self._buffer[: end + len(_END)]
            self._is_in_letter = False
            self._counts.letter()
            return _OK
        word = bytes(self._buffer[:4]).upper()
        del self._buffer[: end + 2]
        return self._answer(word)

    def _answer(self, word: bytes) -> bytes:
        if word == b"DATA":
            self._is_in_letter = True
            return b"354 go\r\n"
        if word == b"EHLO":
            return _OFFERS + (_OK if self._is_secure else b"250 STARTTLS\r\n")
        if word == b"STAR":
            self._transport.pause_reading()
            self._turning = asyncio.get_running_loop().create_task(self._start_tls())
            return b"220 go\r\n"
        if word == b"QUIT":
            asyncio.get_running_loop().call_soon(self._transport.close)
        return _OK

    async def _start_tls(self) -> None:
        self._is_secure = True
        loop = asyncio.get_running_loop()
        try:
            transport = await loop.start_tls(self._transport, self, self._context, server_side=True)
        except OSError:  # the other side has gone
            return
        if transport:
            self._transport = transport


async def serve(job: Job) -> None:
    """Listen until killed."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(job.certificate)
    counts = Counts(Path(job.counts))
    loop = asyncio.get_running_loop()
    port, doors = 0, []
    for address in (*job.addresses, *job.silent):
        door = socket.create_server((address, port), backlog=1024)
        port = door.getsockname()[1]
        doors.append(door)
        if address in job.addresses:
            await loop.create_server(lambda: Sink(context, counts), sock=door)
    print(port, flush=True)
    await loop.create_future()


def main() -> None:
    uvloop.install()
    asyncio.run(serve(Job(**json.loads(sys.argv[1]))))


if __name__ == "__main__":
    main()
