"""A crowd: a suite with a hundred thousand accounts and a million messages beside one without, in turns."""

import asyncio
import random
import time
from dataclasses import dataclass
from typing import Any

from bench.accounts import make, name
from bench.client import source
from bench.inbox import Inbox, open_inbox
from bench.loop import Timing
from bench.run import Observed, components, job_for, observe
from bench.scale.report import cycle
from bench.scale.steps import Steps, remove
from bench.scale.stock import Sizes, fill, octets, settle
from bench.scale.walk import walk
from bench.user import Door, User
from tests.suite import Suite

PREFIX = "bench"  # as the users of the cycle are called
SIZES = Sizes(4096, 8192)
FEW = 1000  # accounts of the suite that is empty
USERS = 64
SIZE = 8192


@dataclass(frozen=True, slots=True)
class Wanted:
    """How many accounts and messages, how many rounds, and how many visits in each."""

    accounts: int
    messages: int
    rounds: int
    visits: int
    timing: Timing


def measure(empty: Suite, full: Suite, wanted: Wanted) -> dict[str, Any]:
    """Fill one of two suites and measure both."""
    make(empty.owner_url, empty.domain, PREFIX, FEW)
    since = time.monotonic()
    fill(full.owner_url, full.domain, PREFIX, wanted.accounts, wanted.messages, SIZES)
    settle(full.owner_url)
    found: dict[str, Any] = {"filled in": time.monotonic() - since, "database": octets(full.owner_url)}
    sides = {"empty": (empty, FEW), "full": (full, wanted.accounts)}
    cycles: dict[str, list[Observed]] = {side: [] for side in sides}
    steps = {side: Steps(suite) for side, (suite, _) in sides.items()}
    for turn in range(wanted.rounds):
        for side, (suite, accounts) in sides.items():
            job = job_for(suite, USERS, SIZE, wanted.timing)
            cycles[side].append(observe(components(suite), job, suite.folder))
            asyncio.run(_visits(suite, accounts, steps[side], wanted.visits, random.Random(turn)))
    found["cycle"] = {side: cycle(rounds) for side, rounds in cycles.items()}
    found["steps"] = {side: one.as_json() for side, one in steps.items()}
    found["expiry"] = [walk(full), walk(full)]
    return found


async def _visits(suite: Suite, accounts: int, steps: Steps, times: int, chance: random.Random) -> None:
    """Deliver to people at random, then log in as each, look and fetch the newest message."""
    ports = suite.ports
    door = Door(suite.address, ports["port_submissions"], ports["port_imaps"], source(suite.address, 0))
    addresses = [f"{name(PREFIX, number)}@{suite.domain}" for number in chance.sample(range(accounts), times)]
    courier = User(addresses[0], door, SIZE)
    await courier.log_in_to_send()
    await steps.take("deliver", times, lambda n: courier.send_to(addresses[n], f"crowd.{time.time_ns()}"))
    inboxes: list[Inbox] = []
    uids: list[int] = []

    async def log_in(number: int) -> None:
        inboxes.append(await open_inbox(door.host, door.imaps, door.source, addresses[number]))

    async def select(number: int) -> None:
        uids.append(await inboxes[number].select())

    await steps.take("connect and LOGIN", times, log_in)
    await steps.take("SELECT", times, select)
    await steps.take("FETCH newest", times, lambda n: inboxes[n].fetch(uids[n] - 1))
    await steps.take("STORE and EXPUNGE newest", times, lambda n: remove(inboxes[n], uids[n] - 1))
    for inbox in inboxes:
        inbox.close()
    courier.close()
