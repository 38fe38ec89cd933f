"""The load, a process of its own: `python -m bench.imap.client '{…}'`.

It reads orders as lines of JSON, `["cut", {"keeps_session": true}]`, does one after the other, and answers each with a
line of JSON. `noops` goes on beside other orders until `quiet`.
"""

import asyncio
import json
import resource
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import uvloop

from bench.imap.phone import Phone
from bench.imap.wire import client_context, now
from bench.messages import Messages
from bench.user import Door, User

SOURCES = 64  # of which none has so many logins under way that they would look like guesses
NOOP_SECONDS = 0.1
PATIENCE = 60.0
SETTLED_SECONDS = 0.02  # between two deliveries
SLOW_HOLDS = 16 * 1024  # octets of a slow reader's that the kernel holds
SLOW_PART_SECONDS = 0.25  # between two looks of one at what came
SIZE = 8192


@dataclass(frozen=True, slots=True)
class Place:
    """A server and its users: `name0`, `name1`, … at `domain`."""

    host: str
    imaps: int
    submissions: int  # 0: none
    domain: str
    prefix: str

    def phone(self, number: int) -> Phone:
        network = self.host.rpartition(".")[0]
        return Phone(f"{self.prefix}{number:05}@{self.domain}", f"{network}.{1 + number % SOURCES}")


class Load:
    """All phones of one process; every public method is an order."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._to = (place.host, place.imaps)
        self._context = client_context()
        self._phones: list[Phone] = []
        self._noops: list[float] = []
        self._lags: list[float] = []
        self._asking: list[Phone] = []
        self._tasks: list[asyncio.Task[None]] = []
        self._message = Messages(f"{place.prefix}@{place.domain}", SIZE).numbered("wake")

    async def connect(self, first: int, count: int, at_once: int) -> dict[str, Any]:
        """Bring in phones that idle."""
        phones = [self._place.phone(number) for number in range(first, first + count)]
        self._phones += phones
        return await self._bring_in(phones, at_once)

    async def cut(self, keeps_session: bool) -> dict[str, Any]:
        """Lose all connections at once."""
        for phone in self._phones:
            phone.cut(keeps_session=keeps_session)
        return {}

    async def come_back(self, at_once: int) -> dict[str, Any]:
        """Connect all that were cut."""
        return await self._bring_in(self._phones, at_once)

    async def heard(self) -> dict[str, Any]:
        """Return how many keep-alives were heard since the last time, and how many connections are lost."""
        kept_alive = sum(phone.kept_alive for phone in self._phones)
        for phone in self._phones:
            phone.kept_alive = 0
        return {"kept_alive": kept_alive, "lost": sum(phone.wire.is_lost for phone in self._phones)}

    async def wake(self, number: int, by: str) -> dict[str, Any]:
        """Deliver to one after the other, spread over all; return seconds from its OK to EXISTS at the idling one."""
        step = max(1, len(self._phones) // number)
        chosen = self._phones[::step][:number]
        courier = await self._submitter() if by == "submission" else None
        waits = []
        for phone in chosen:
            phone.exists_at = 0.0
            done_at = await (self._submit(courier, phone) if courier else self._append(phone))
            deadline = done_at + PATIENCE
            while not phone.exists_at:
                assert now() < deadline, f"nobody told {phone.name}"
                await asyncio.sleep(0.0005)
            waits.append(max(0.0, phone.exists_at - done_at))
            await asyncio.sleep(SETTLED_SECONDS)
        return {"waits": waits}

    async def store(self, first: int, count: int, size: int) -> dict[str, Any]:
        """Append one message of `size` octets to each of some users."""
        line = b"x" * 76 + b"\r\n"
        message = b"Subject: large\r\n\r\n" + line * (size // len(line))
        for number in range(first, first + count):
            phone = self._place.phone(number)
            await phone.connect(self._context, self._to)
            await phone.append(message)
            phone.cut()
        return {"octets": len(message)}

    async def read_slowly(self, first: int, users: int, readers: int, seconds: float) -> dict[str, Any]:
        """Fetch the last message of some users at a few KB a second; return how many octets came."""
        phones = [self._place.phone(first + number % users) for number in range(readers)]
        for phone in phones:
            await phone.connect(self._context, self._to, holds=SLOW_HOLDS)
            phone.wire.write(b"a FETCH * BODY.PEEK[]\r\n")
            phone.wire.transport.pause_reading()
        end, octets = now() + seconds, 0
        while now() < end:
            for phone in phones:
                phone.wire.transport.resume_reading()
            await asyncio.sleep(0.005)
            for phone in phones:
                phone.wire.transport.pause_reading()
                octets += phone.wire.drop()
            await asyncio.sleep(SLOW_PART_SECONDS)
        lost = sum(phone.wire.is_lost for phone in phones)
        for phone in phones:
            phone.cut()
        return {"octets": octets, "lost": lost}

    async def noops(self, first: int, count: int) -> dict[str, Any]:
        """Let some users say NOOP ten times a second each, until `quiet`."""
        self._asking = [self._place.phone(number) for number in range(first, first + count)]
        for phone in self._asking:
            await phone.connect(self._context, self._to)
        self._noops, self._lags = [], []
        self._tasks = [asyncio.create_task(self._ask(phone)) for phone in self._asking]
        self._tasks.append(asyncio.create_task(self._watch_lag()))
        return {}

    async def quiet(self) -> dict[str, Any]:
        """End that; return the seconds that NOOPs took, and by how much this process itself was late."""
        for task in self._tasks:
            task.cancel()
        await asyncio.wait(self._tasks)
        for phone in self._asking:
            phone.cut()
        return {"noops": self._noops, "lags": self._lags}

    async def _bring_in(self, phones: list[Phone], at_once: int) -> dict[str, Any]:
        few = asyncio.Semaphore(at_once)
        took: list[float] = []

        async def bring_in(phone: Phone) -> None:
            async with few:
                since = now()
                await phone.connect(self._context, self._to)
                await phone.idle()
                took.append(now() - since)

        since, used = now(), _cpu()
        await asyncio.gather(*(bring_in(phone) for phone in phones))
        resumed = sum(bool(phone.wire.tls.session_reused) for phone in phones)
        return {"seconds": now() - since, "cpu": _cpu() - used, "took": took, "resumed": resumed}

    async def _ask(self, phone: Phone) -> None:
        while True:
            since = now()
            await phone.command("NOOP")
            self._noops.append(now() - since)
            await asyncio.sleep(NOOP_SECONDS)

    async def _watch_lag(self) -> None:
        while True:
            since = now()
            await asyncio.sleep(0.01)
            self._lags.append(max(0.0, now() - since - 0.01))

    async def _append(self, phone: Phone) -> float:
        other = Phone(phone.name, phone.source)
        await other.connect(self._context, self._to)
        await other.append(self._message)
        done_at = now()
        other.cut()
        return done_at

    async def _submitter(self) -> User:
        sender = self._phones[0]
        door = Door(self._place.host, self._place.submissions, self._place.imaps, sender.source)
        courier = User(sender.name, door, SIZE)
        await courier.log_in_to_send()
        return courier

    async def _submit(self, courier: User, phone: Phone) -> float:
        await courier.send_to(phone.name, f"wake.{now():.9f}")
        return now()


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _allow_files(number: int) -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < number:
        raise SystemExit(f"needs {number} descriptors, and may have {hard} (ulimit -Hn)")
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


async def _serve(load: Load) -> None:
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        word, details = json.loads(line)
        answer: Mapping[str, Any] = await getattr(load, word)(**details)
        print(json.dumps(answer), flush=True)


def main() -> None:
    order = json.loads(sys.argv[1])
    _allow_files(order.pop("files"))
    uvloop.install()
    asyncio.run(_serve(Load(Place(**order))))


if __name__ == "__main__":
    main()
