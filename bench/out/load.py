"""The senders, a process of its own: `python -m bench.out.load '{…}'`.

Every sender keeps one submission connection and has one message in flight: MAIL, RCPT and DATA in one breath, then
8 KB of PGP/MIME, as a Delta Chat core does it. It says `ready` once all are logged in. A line on standard input,
`COUNT DOMAIN…`, has that many messages sent, to the domains in turn; the answer is a line of JSON.
"""

import asyncio
import itertools
import json
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import uvloop

from bench.client import source
from bench.loop import cpu_seconds
from bench.messages import Messages
from bench.smtp import Smtp, envelope, log_in
from bench.wire import Wire


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
        self._source = source(job.host, number)
        self._messages = Messages(self._address, job.size)
        self._job = job
        self._smtp = Smtp(Wire())

    async def connect(self) -> None:
        """Log in."""
        self._smtp = await log_in(self._job.host, self._job.port, self._source, self._address)

    async def send(self, number: int, domain: str) -> float:
        """Send one message and return the seconds until it was accepted."""
        started = time.perf_counter()
        recipient = f"someone{number}@{domain}"
        message = self._messages.numbered(f"{number}.{time.time_ns()}")
        await self._smtp.send(envelope(self._address, [recipient]), message)
        return time.perf_counter() - started


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
    began, used = time.perf_counter(), cpu_seconds()
    took = await asyncio.gather(*(_take_turns(sender, letters) for sender in senders))
    seconds = time.perf_counter() - began
    return {"seconds": seconds, "cpu": cpu_seconds() - used, "accepted": [one for line in took for one in line]}


async def _take_turns(sender: Sender, letters: Iterator[tuple[int, str]]) -> list[float]:
    return [await sender.send(number, domain) for number, domain in letters]


def main() -> None:
    uvloop.install()
    asyncio.run(work(Job(**json.loads(sys.argv[1]))))


if __name__ == "__main__":
    main()
