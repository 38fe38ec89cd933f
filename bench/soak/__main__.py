"""`make bench-soak`: a suite under a steady, mixed load for an hour; what grows?

The load is paced far below what the suite can take: a hundred people who come and go, write each other letters of four
sizes, some to groups of ten, remove what they read, and leave some of it for minutes. Every half minute an account is
born, used and deleted, and everything is looked at (samples.py). At the end, or whenever it is interrupted, each column
has its slope (trend.py).
"""

import argparse
import asyncio
import json
import random
import subprocess
import sys
import time
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from bench.__main__ import SETTINGS
from bench.report import machine
from bench.run import ROOT
from bench.soak import report
from bench.soak.counts import Counts
from bench.soak.letters import Letters
from bench.soak.life import World
from bench.soak.person import Person
from bench.soak.samples import Sample, Sampler
from tests.suite import Suite

STOP_SECONDS = 30.0
DESCRIPTION = "a suite under a steady, mixed load; what grows?"


def main() -> None:
    """Run a soak and print its verdicts."""
    wanted = _arguments()
    with Suite(settings=SETTINGS) as suite:
        world = _world(suite, wanted)
        told = suite.folder / "told.json"
        load = _start(world, told, wanted.every)
        try:
            samples = _soak(suite, world, load, Sampler(suite, told), wanted)
        finally:
            assert load.stdin
            load.stdin.close()
            load.wait(STOP_SECONDS)
    print(report.as_text(report.trends(samples, wanted.settle)))


def _soak(
    suite: Suite, world: World, load: "subprocess.Popen[str]", sampler: Sampler, wanted: argparse.Namespace
) -> list[Sample]:
    """Take samples until the time is over; what is known is written at each, so that an end before it loses nothing."""
    samples: list[Sample] = []
    head = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine(),
        "settings": SETTINGS,
        "world": {name: value for name, value in asdict(world).items() if isinstance(value, int | float)},
    }
    since = time.monotonic()
    while (passed := time.monotonic() - since) < wanted.minutes * 60:
        time.sleep(wanted.every - passed % wanted.every)
        assert load.poll() is None, "the load ended, see above"
        _birth_and_death(suite, world, len(samples))
        samples.append(sampler.take())
        if wanted.json:
            found = report.trends(samples, wanted.settle)
            report.written(report.as_json(samples, found, head), wanted.json)
    return samples


def _birth_and_death(suite: Suite, world: World, number: int) -> None:
    """Make an account by its first login, use it, and delete it as an operator does."""
    address = f"mortal{number:05}@{suite.domain}"
    person = Person(address, world.door(number), Letters({8192: 1}), Counts(), random.Random(number))
    asyncio.run(person.whole_life())
    command = [sys.executable, "-m", "chatmail", "accounts", "delete", address, "--yes"]
    subprocess.run([*command, "--data", str(suite.folder / "data")], check=True, stdout=subprocess.DEVNULL, cwd=ROOT)


def _world(suite: Suite, wanted: argparse.Namespace) -> World:
    ports = suite.ports
    doors = ports["port_submissions"], ports["port_imaps"]
    return World(suite.address, *doors, suite.domain, wanted.persons, wanted.rate, wanted.session)


def _start(world: World, told: Path, every: float) -> "subprocess.Popen[str]":
    order = json.dumps({**asdict(world), "every": every})
    command = [sys.executable, "-m", "bench.soak.life", order, str(told)]
    load = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert load.stdout
    assert load.stdout.readline() == "begin\n", "the load ended, see above"
    return load


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.soak", description=DESCRIPTION)
    parser.add_argument("--minutes", type=float, default=60.0, help="how long (default: 60)")
    parser.add_argument("--settle", type=float, default=10.0, help="minutes that do not count (default: 10)")
    parser.add_argument("--every", type=float, default=30.0, help="seconds between samples (default: 30)")
    parser.add_argument("--rate", type=float, default=60.0, help="messages received a second, by all (default: 60)")
    parser.add_argument("--persons", type=int, default=100, help="how many people (default: 100)")
    parser.add_argument("--session", type=float, default=600.0, help="seconds of a session, on average (default: 600)")
    parser.add_argument("--json", type=Path, help="write everything to this file, at each sample anew")
    return parser.parse_args()


if __name__ == "__main__":
    main()
