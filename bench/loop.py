"""A closed loop, a process of its own: everybody does one thing again and again, as often as the servers let them.

It says `begin` and `end` on standard output when the measured time begins and ends, and writes what it measured to a
file as JSON. Everybody has one thing under way at a time.
"""

import asyncio
import gc
import json
import resource
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import uvloop

CONNECTING_AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class Timing:
    """What counts: so many seconds, after so many others."""

    warm_up: float
    seconds: float


@dataclass(frozen=True, slots=True)
class Load(Timing):
    """So many users for so long; what else they need to know, each kind adds."""

    users: int


class Actor(Protocol):
    """One of the users."""

    async def connect(self) -> None:
        """Do what comes before the measured time."""

    async def cycle(self) -> Mapping[str, float]:
        """Do it once; return the seconds since the beginning at each step by name, the last of which is `done`."""

    def close(self) -> None:
        """Leave."""


class ClosedLoop:
    """All users of a run and what they have measured so far; a user begins `every` so many seconds if that is given."""

    def __init__(self, users: Sequence[Actor], load: Load, every: float = 0.0) -> None:
        self._users = users
        self._load = load
        self._every = every
        self._cycles: list[Mapping[str, float]] = []
        self._is_over = False

    async def run(self) -> dict[str, object]:
        """Connect, cycle, and return the figures."""
        await self._connect()
        cycling = [asyncio.create_task(self._cycle(user, number)) for number, user in enumerate(self._users)]
        gc.collect()
        gc.freeze()
        await _sleep(self._load.warm_up, cycling)
        before = len(self._cycles)
        self._cycles.clear()
        since, used = time.perf_counter(), cpu_seconds()
        _say("begin")
        await _sleep(self._load.seconds, cycling)
        _say("end")
        measured = list(self._cycles)
        took, used = time.perf_counter() - since, cpu_seconds() - used
        self._is_over = True
        await asyncio.gather(*cycling)
        for user in self._users:
            user.close()
        assert measured, "nobody came round within the measured time"
        columns = {name: [cycle[name] for cycle in measured] for name in measured[0]}
        return {"seconds": took, "cpu": used, "all_cycles": before + len(self._cycles), **columns}

    async def _connect(self) -> None:
        few = asyncio.Semaphore(CONNECTING_AT_ONCE)

        async def connect(user: Actor) -> None:
            async with few:
                await user.connect()

        await asyncio.gather(*(connect(user) for user in self._users))

    async def _cycle(self, user: Actor, number: int) -> None:
        due = time.perf_counter() + self._every * number / len(self._users)
        while not self._is_over:
            if self._every:
                await asyncio.sleep(due - time.perf_counter())
                due += self._every
            self._cycles.append(await user.cycle())


def run(loop: ClosedLoop, figures: Path) -> None:
    """Run a loop to its end and write its figures to a file."""
    uvloop.install()
    figures.write_text(json.dumps(asyncio.run(loop.run())))


def cpu_seconds() -> float:
    """Return the CPU seconds this process has used so far."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


async def _sleep(seconds: float, cycling: list[asyncio.Task[None]]) -> None:
    """Wait, and raise what a user raised meanwhile."""
    done, _ = await asyncio.wait(cycling, timeout=seconds, return_when=asyncio.FIRST_EXCEPTION)
    for task in done:
        task.result()


def _say(word: str) -> None:
    print(word, flush=True)
