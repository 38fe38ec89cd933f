"""One run: accepting, draining and both at once, each measured apart.

Strategy: the worker is stopped (SIGSTOP) while mail is accepted, so that the outbox holds it all; then it goes on and
the outbox runs empty. What the bench wants to know meanwhile it reads from the sink's counter, for questions to
Postgres would be counted as the suite's work; those it asks before and after.
"""

import itertools
import os
import signal
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg

from bench import accounting, database
from bench.out.sink import CONNECTIONS, LAST, LETTERS
from bench.out.world import WARM, Places, World

PATIENCE = 180.0
LOOK_EVERY = 0.02
WARM_UP = 200  # messages that are not counted
BUSY = """
SELECT (SELECT count(*) FROM chatmail.outbox o JOIN chatmail.destination d ON d.id = o.destination_id
        WHERE d.domain NOT LIKE 'dead%') + (SELECT count(*) FROM chatmail.destination d WHERE d.worker IS NOT NULL)
"""


@dataclass(frozen=True, slots=True)
class Phase:
    """`messages` in so many seconds; CPU in seconds by process, and how often by what."""

    messages: int
    seconds: float
    cpu: Mapping[str, float]
    calls: Mapping[str, int]
    connections: int


@dataclass(frozen=True, slots=True)
class Figures:
    """A run's phases, and what the load generator took to have it all accepted: CPU and latencies in seconds."""

    places: Places
    workers: int
    accept: Phase
    drain: Phase
    flow: Phase
    client_cpu: float
    accepted: list[float]


class Gauge:
    """What everything has used since it was made; making and reading it takes a second each, outside the measured."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._calls = database.calls(world.suite.owner_url)
        self._letters, self._connections = world.counts[LETTERS], world.counts[CONNECTIONS]
        self._cpu = accounting.cpu(world.roots)
        self._since = time.monotonic()

    @property
    def letters(self) -> int:
        """How many letters the sink has taken meanwhile."""
        return int(self._world.counts[LETTERS] - self._letters)

    def phase(self, messages: int, until: float | None = None) -> Phase:
        """Return everything up to now; the time only `until` then."""
        seconds = (until or time.monotonic()) - self._since
        cpu = accounting.cpu(self._world.roots)
        calls = database.calls(self._world.suite.owner_url)
        return Phase(
            messages,
            seconds,
            {name: cpu[name] - before for name, before in self._cpu.items()},
            {name: number - self._calls.get(name, 0) for name, number in calls.items()},
            int(self._world.counts[CONNECTIONS] - self._connections),
        )


def measure(places: Places, workers: int, messages: int, senders: int, size: int) -> Figures:
    """Make a world and measure it."""
    with World(places, workers, senders, size) as world:
        database.count_calls(world.suite.owner_url)
        _flow(world, [WARM], WARM_UP)
        with _stopped(world.roots["queue-worker"]):
            accept, found = _accept(world, places, messages)
            gauge = Gauge(world)
        drain = _until_done(world, gauge, _alive(places.names, messages))
        flow = _flow(world, places.names, messages)
    return Figures(places, workers, accept, drain, flow, found["cpu"], found["accepted"])


def _accept(world: World, places: Places, messages: int) -> tuple[Phase, dict[str, Any]]:
    gauge = Gauge(world)
    world.send(messages, places.names)
    found = world.sent()
    phase = gauge.phase(messages)
    assert gauge.letters == 0, "the worker was not stopped"
    return phase, found


def _flow(world: World, names: Sequence[str], messages: int) -> Phase:
    """Accept and deliver at once: as fast as both can."""
    gauge = Gauge(world)
    world.send(messages, names)
    world.sent()
    return _until_done(world, gauge, _alive(names, messages))


def _until_done(world: World, gauge: Gauge, alive: int) -> Phase:
    """Wait until the living have got theirs and nobody is at work any more."""
    _wait(world, lambda: gauge.letters >= alive)
    with psycopg.connect(world.suite.owner_url, autocommit=True) as connection:
        _wait(world, lambda: connection.execute(BUSY).fetchone() == (0,))
    phase = gauge.phase(alive, until=world.counts[LAST])
    assert gauge.letters == alive, f"{gauge.letters} letters came, not {alive}"
    return phase


def _wait(world: World, is_done: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not is_done():
        assert time.monotonic() < deadline, f"not done after {PATIENCE:.0f} s\n{world.suite.output()}"
        time.sleep(LOOK_EVERY)


def _alive(names: Sequence[str], messages: int) -> int:
    """Return how many of the messages, sent to the names in turn, go to the living."""
    return sum(not name.startswith("dead") for name, _ in zip(itertools.cycle(names), range(messages), strict=False))


@contextmanager
def _stopped(root: int) -> Iterator[None]:
    pids = accounting.tree(root)
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)
