"""The load of a soak, a process of its own: `python -m bench.soak.life '{…}' FILE`.

It says `begin` once everybody has come. Every few seconds it replaces FILE by what was done since the last time and
ends when its standard input does.
"""

import asyncio
import json
import random
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import uvloop

from bench.soak.counts import Counts
from bench.soak.letters import SIZES, Letters
from bench.soak.person import Person
from bench.user import Door

SOURCES = 8
COMING_AT_ONCE = 4
GROUP = 10
GROUP_SHARE = 0.03  # of the letters go to so many
AWAY_SECONDS = 30.0  # on average
MOST_WAITING = 500  # letters under way, after which the server is taken for stuck


@dataclass(frozen=True, slots=True)
class World:
    """Whom to meet where: `persons` persons who get `rate` messages a second in all; a session lasts `session` s."""

    host: str
    submissions: int
    imaps: int
    domain: str
    persons: int
    rate: float
    session: float

    def door(self, number: int) -> Door:
        """Return the doors as they are for one of the persons."""
        return Door(self.host, self.submissions, self.imaps, f"{self.host.rpartition('.')[0]}.{1 + number % SOURCES}")


class Life:
    """Everybody, until it is over."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._chance = random.Random(world.persons)
        self._counts = Counts()
        letters = Letters(SIZES)
        self._persons = [
            Person(f"soak{number:05}@{world.domain}", world.door(number), letters, self._counts, self._chance)
            for number in range(world.persons)
        ]
        self._writing: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Let everybody come, then write; raise what goes wrong with anybody."""
        few = asyncio.Semaphore(COMING_AT_ONCE)
        await asyncio.gather(*(self._come(person, few) for person in self._persons))
        print("begin", flush=True)
        async with asyncio.TaskGroup() as everybody:
            living = [everybody.create_task(self._come_and_go(person, few)) for person in self._persons]
            writing = everybody.create_task(self._write())
            await _end_of_input()
            for task in [*living, writing]:
                task.cancel()

    def taken(self) -> Counts:
        """Return what was done since the last time."""
        taken = Counts(*(getattr(self._counts, name) for name in Counts.__slots__))
        self._counts.sent = self._counts.received = self._counts.removed = self._counts.sessions = 0
        self._counts.accepted, self._counts.readable = [], []
        return taken

    async def _come_and_go(self, person: Person, few: asyncio.Semaphore) -> None:
        while True:
            await person.live(self._chance.expovariate(1 / self._world.session))
            await asyncio.sleep(self._chance.expovariate(1 / AWAY_SECONDS))
            await self._come(person, few)

    async def _come(self, person: Person, few: asyncio.Semaphore) -> None:
        async with few:
            await person.come()

    async def _write(self) -> None:
        """Start letters at random moments, whoever is slow: the pace is the load's, not the server's."""
        each = self._world.rate / (1 + GROUP_SHARE * (GROUP - 1))
        at = time.monotonic()
        async with asyncio.TaskGroup() as writing:
            while True:
                at += self._chance.expovariate(each)
                await asyncio.sleep(max(0.0, at - time.monotonic()))
                task = writing.create_task(self._letter())
                self._writing.add(task)
                task.add_done_callback(self._writing.discard)
                assert len(self._writing) < MOST_WAITING, "letters wait and wait"

    async def _letter(self) -> None:
        sender = self._chance.choice([person for person in self._persons if person.is_here])
        number = GROUP if self._chance.random() < GROUP_SHARE else 1
        await sender.write([person.address for person in self._chance.sample(self._persons, number)])


async def _end_of_input() -> None:
    is_over = asyncio.Event()
    asyncio.get_running_loop().add_reader(sys.stdin.fileno(), is_over.set)
    await is_over.wait()


async def _tell(life: Life, file: Path, seconds: float) -> None:
    while True:
        await asyncio.sleep(seconds)
        new = file.with_suffix(".new")
        new.write_text(json.dumps(asdict(life.taken())))
        new.rename(file)


async def _run(world: World, file: Path, seconds: float) -> None:
    life = Life(world)
    telling = asyncio.create_task(_tell(life, file, seconds))
    await life.run()
    telling.cancel()


def main() -> None:
    order = json.loads(sys.argv[1])
    seconds = order.pop("every")
    uvloop.install()
    asyncio.run(_run(World(**order), Path(sys.argv[2]), seconds))


if __name__ == "__main__":
    main()
