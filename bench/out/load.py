"""The senders, a process of its own: `python -m bench.out.load '{…}'`.

Every sender keeps one submission connection and has one message in flight: MAIL, RCPT and DATA in one breath, then
8 KB of PGP/MIME, as a Delta Chat core does it. It says `ready` once all are logged in. A line on standard input,
`COUNT DOMAIN…`, has that many messages sent, to the domains in turn; the answer is a line of JSON.
"""

import asyncio
import base64
import itertools
import json
import resource
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import uvloop

from bench.messages import Messages
from bench.user import PASSWORD
from bench.wire import Wire, connect

SOURCES = 8  # accounts are born fast only where not all come from one address


@dataclass(frozen=True, slots=True)
class Job:
    """Who sends, and where from: messages of `size` octets, each sender with a connection of its own."""

    host: str
    port: int
    domain: str
    senders: int
    size: int


class Sender:
    """One account; its first login makes it."""

    def __init__(self, job: Job, number: int) -> None:
        self._address = f"sender{number:04}@{job.domain}"
        self._source = f"{job.host.rpartition('.')[0]}.{1 + number % SOURCES}"
        self._messages = Messages(self._address, job.size)
        self._job = job
        self._wire = Wire()

    async def connect(self) -> None:
        """Log in."""
        self._wire = await connect(self._job.host, self._job.port, self._source)
        await self._reply(b"220")
        self._wire.write(b"EHLO bench\r\n")
        await self._reply(b"250")
        plain = base64.b64encode(f"\0{self._address}\0{PASSWORD}".encode())
        self._wire.write(b"AUTH PLAIN " + plain + b"\r\n")
        await self._reply(b"235")

    async def send(self, number: int, domain: str) -> float:
        """Send one message and return the seconds until it was accepted."""
        started = time.perf_counter()
        recipient = f"someone{number}@{domain}"
        self._wire.write(f"MAIL FROM:<{self._address}>\r\nRCPT TO:<{recipient}>\r\nDATA\r\n".encode())
        for code in (b"250", b"250", b"354"):
            await self._reply(code)
        self._wire.write(self._messages.numbered(f"{number}.{time.time_ns()}") + b".\r\n")
        await self._reply(b"250")
        return time.perf_counter() - started

    async def _reply(self, code: bytes) -> None:
        while (line := await self._wire.line())[3:4] == b"-":
            pass
        assert line.startswith(code), line


async def work(job: Job) -> None:
    """Do what is asked on standard input until it ends."""
    senders = [Sender(job, number) for number in range(job.senders)]
    for sender in senders:
        await sender.connect()
    print("ready", flush=True)
    while words := (await asyncio.to_thread(sys.stdin.readline)).split():
        print(json.dumps(await _send(senders, int(words[0]), words[1:])), flush=True)


async def _send(senders: Sequence[Sender], count: int, domains: Sequence[str]) -> dict[str, object]:
    letters = zip(range(count), itertools.cycle(domains), strict=False)
    began, used = time.perf_counter(), _cpu()
    took = await asyncio.gather(*(_take_turns(sender, letters) for sender in senders))
    seconds = time.perf_counter() - began
    return {"seconds": seconds, "cpu": _cpu() - used, "accepted": [one for line in took for one in line]}


async def _take_turns(sender: Sender, letters: Iterator[tuple[int, str]]) -> list[float]:
    return [await sender.send(number, domain) for number, domain in letters]


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def main() -> None:
    uvloop.install()
    asyncio.run(work(Job(**json.loads(sys.argv[1]))))


if __name__ == "__main__":
    main()
