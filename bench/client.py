"""The load generator, a process of its own: `python -m bench.client '{…}' FILE`.

It says `begin` and `end` on standard output when the measured time begins and ends, and writes what it measured to FILE
as JSON. While users cycle there is one message in flight for each.
"""

import asyncio
import gc
import json
import resource
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import uvloop

from bench.user import Cycle, Door, User

CONNECTING_AT_ONCE = 8
SOURCES = 8  # accounts are born fast only where not all come from one address


@dataclass(frozen=True, slots=True)
class Job:
    """What to do: `users` users with messages of `size` octets, `seconds` long after `warm_up` seconds."""

    host: str
    submissions: int
    imaps: int
    domain: str
    users: int
    size: int
    warm_up: float
    seconds: float
    is_pipelining: bool


class Load:
    """All users of a run and what they have measured so far."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._users = [_user(job, number) for number in range(job.users)]
        self._cycles: list[Cycle] = []
        self._warm_up_cycles = 0
        self._is_over = False

    async def run(self) -> dict[str, object]:
        """Connect, cycle, and return the figures."""
        await self._connect()
        cycling = [asyncio.create_task(self._cycle(user)) for user in self._users]
        gc.collect()
        gc.freeze()
        await _sleep(self._job.warm_up, cycling)
        self._warm_up_cycles = len(self._cycles)
        self._cycles.clear()
        since, used = time.perf_counter(), _cpu()
        _say("begin")
        await _sleep(self._job.seconds, cycling)
        _say("end")
        measured = list(self._cycles)
        took, used = time.perf_counter() - since, _cpu() - used
        self._is_over = True
        await asyncio.gather(*cycling)
        for user in self._users:
            user.close()
        columns = {name: [getattr(cycle, name) for cycle in measured] for name in Cycle.__slots__}
        cycles = self._warm_up_cycles + len(self._cycles)
        return {"seconds": took, "cpu": used, "all_cycles": cycles, **columns}

    async def _connect(self) -> None:
        few = asyncio.Semaphore(CONNECTING_AT_ONCE)

        async def connect(user: User) -> None:
            async with few:
                await user.connect()

        await asyncio.gather(*(connect(user) for user in self._users))

    async def _cycle(self, user: User) -> None:
        while not self._is_over:
            self._cycles.append(await user.cycle())


def _user(job: Job, number: int) -> User:
    network = job.host.rpartition(".")[0]
    door = Door(job.host, job.submissions, job.imaps, f"{network}.{1 + number % SOURCES}")
    return User(f"bench{number:05}@{job.domain}", door, job.size, is_pipelining=job.is_pipelining)


async def _sleep(seconds: float, cycling: list[asyncio.Task[None]]) -> None:
    """Wait, and raise what a user raised meanwhile."""
    done, _ = await asyncio.wait(cycling, timeout=seconds, return_when=asyncio.FIRST_EXCEPTION)
    for task in done:
        task.result()


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _say(word: str) -> None:
    print(word, flush=True)


def main() -> None:
    job = Job(**json.loads(sys.argv[1]))
    uvloop.install()
    Path(sys.argv[2]).write_text(json.dumps(asyncio.run(Load(job).run())))


if __name__ == "__main__":
    main()
