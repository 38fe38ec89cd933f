"""Redis, the worker and Postgres die under a load of mail for other servers: it all goes out, and once.

A letter may go out again only where a crash of the worker or of Postgres kept its result from being recorded, and then
it is the same to the last octet.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import psycopg
import pytest

from tests.faults import servers
from tests.faults.conftest import SETTINGS
from tests.faults.outbound import OutboundLoad
from tests.federation import World
from tests.suite import Suite

TIMES = 4
LEASE_SECONDS = 20.0  # of a dead worker
MARGIN = 25.0  # seconds for all else, on a busy machine
AWAY_SECONDS = 3.0
FAST = {**SETTINGS, "MADDY_DESTINATION_RATE": "1000"}

_numbers = count(1)
pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with World() as world:
        yield world


@pytest.fixture(scope="module")
def suite(world: World) -> Suite:
    return world.suite("here.test", FAST)


@pytest.fixture
def load(world: World, suite: Suite, tmp_path: Path) -> Iterator[OutboundLoad]:
    with OutboundLoad(world, suite, tmp_path, f"outbound{next(_numbers)}") as load:
        yield load


def _flush(suite: Suite) -> None:
    assert servers.forget_jobs(suite)


def _kill_valkey(suite: Suite) -> None:
    servers.kill(suite, "valkey")


def _stop_valkey(suite: Suite) -> None:
    os.kill(suite.pid("valkey"), signal.SIGSTOP)
    try:
        time.sleep(AWAY_SECONDS)
    finally:
        os.kill(suite.pid("valkey"), signal.SIGCONT)


def _suffer(load: OutboundLoad, times: int, harm: Callable[[int], object]) -> float:
    """Do harm so many times, with mail at every sink after each; return the seconds the slowest took."""
    slowest = 0.0
    for number in range(times):
        since = time.monotonic()
        harm(number)
        load.wait_for_mail()
        slowest = max(slowest, time.monotonic() - since)
    return slowest


@pytest.mark.parametrize(
    ("harm", "times"), [(_flush, 20), (_stop_valkey, 3), (_kill_valkey, TIMES)], ids=["flushed", "stopped", "killed"]
)
def test_redis(suite: Suite, load: OutboundLoad, harm: Callable[[Suite], None], times: int) -> None:
    """Only a doorbell is lost: nothing goes out again, and what waits goes out within seconds."""
    slowest = _suffer(load, times, lambda _: harm(suite))
    verdict = load.finish()
    assert verdict.is_clean, verdict
    assert verdict.repeated == 0
    assert slowest < MARGIN
    print(f"{load.accepted} messages accepted, mail everywhere again after {slowest:.1f} s")


def test_worker(suite: Suite, load: OutboundLoad) -> None:
    """The first time its lease runs out in real time, later the time is made to pass.

    What was under way goes out before the next death: thrice would be poison.
    """

    def kill(number: int) -> None:
        servers.wait(lambda: servers.count_lost(suite) == 0, "what was lost is not tried again")
        load.broke()
        dead = servers.kill_worker(suite)
        if number:
            servers.outlive(suite, dead)

    slowest = _suffer(load, TIMES, kill)
    verdict = load.finish()
    assert verdict.is_clean, verdict
    assert slowest < LEASE_SECONDS + MARGIN
    print(f"{load.accepted} accepted, {verdict.repeated} letters again, mail everywhere again after {slowest:.1f} s")


@pytest.mark.parametrize("harm", ["all", "backend"])
def test_postgres(suite: Suite, load: OutboundLoad, harm: str) -> None:
    """The worker outlives it and records its results late: nothing goes out again."""
    if harm == "all":
        slowest = _suffer(load, TIMES, lambda _: servers.kill_all_of_postgres(suite))
    else:
        slowest = _suffer(load, TIMES, lambda number: servers.kill_backend(suite, number))
    verdict = load.finish()
    assert verdict.is_clean, verdict
    assert verdict.repeated == 0
    assert slowest < MARGIN
    print(f"{load.accepted} messages accepted, mail everywhere again after {slowest:.1f} s")


def test_two_workers(world: World, suite: Suite, tmp_path: Path) -> None:
    """Both carry mail, nothing goes out twice, and the death of one delays by its lease."""
    suite.kill_one("queue-worker")  # the next one is no copy of another process: its environment can be read
    with OutboundLoad(world, suite, tmp_path, "outbound-two", sinks=6) as load:
        with _second_worker(suite) as second:
            seen: set[int] = set()
            servers.wait(lambda: seen.update(_carrying(suite)) or len(seen) > 1, "one worker does all the work")
            load.wait_for_mail()
            load.broke()
            since = time.monotonic()
            second.kill()
        load.wait_for_mail()
        took = time.monotonic() - since
        verdict = load.finish()
    assert verdict.is_clean, verdict
    assert took < LEASE_SECONDS + MARGIN
    print(f"{load.accepted} accepted, {verdict.repeated} letters again, mail everywhere again after {took:.1f} s")


@contextmanager
def _second_worker(suite: Suite) -> Iterator["subprocess.Popen[bytes]"]:
    """Run another worker process, with the environment of the one that runs."""
    given = Path(f"/proc/{suite.pid('queue-worker')}/environ").read_bytes().split(b"\0")
    environment = dict(os.fsdecode(one).split("=", 1) for one in given if one)
    log = suite.folder / "second.log"
    with log.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "queue_worker"], env=environment, stdout=output, stderr=output
        )
    try:
        servers.wait(lambda: "ready" in log.read_text(), "the second worker does not start")
        yield process
    finally:
        process.kill()
        process.wait()


def _carrying(suite: Suite) -> set[int]:
    """Return the workers that carry something just now."""
    with psycopg.connect(suite.owner_url) as connection:
        found = connection.execute("SELECT DISTINCT worker FROM chatmail.outbox WHERE worker IS NOT NULL").fetchall()
    return {token for (token,) in found}
