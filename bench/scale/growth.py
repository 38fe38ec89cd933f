"""Growth: what a client does in a mailbox of ten messages, and in one of a hundred thousand.

Mailboxes of all sizes are in one suite and are used in turns, so that whatever else the machine does meets all of them.
"""

import asyncio
import time
from collections.abc import Sequence
from typing import Any

from bench.client import source
from bench.inbox import open_inbox
from bench.scale.steps import Steps, remove
from bench.scale.stock import Sizes, fill, settle
from bench.user import Door, User
from tests.suite import Suite

NUMBERS = (10, 100, 1_000, 10_000, 100_000)
SIZES = Sizes(1024, 2048)
SIZE = 8192  # of what is delivered


def measure(suite: Suite, numbers: Sequence[int], rounds: int, times: int) -> dict[str, Any]:
    """Fill a mailbox for each number of messages and return the steps in each."""
    for number in numbers:
        fill(suite.owner_url, suite.domain, _prefix(number), 1, number, SIZES)
    settle(suite.owner_url)
    steps = {number: Steps(suite) for number in numbers}
    asyncio.run(_in_turns(suite, steps, rounds, times))
    return {str(number): found.as_json() for number, found in steps.items()}


async def _in_turns(suite: Suite, steps: dict[int, Steps], rounds: int, times: int) -> None:
    for turn in range(rounds + 1):
        for number, found in steps.items():
            is_warm_up = turn == 0
            await _visit(suite, f"{_prefix(number)}00000@{suite.domain}", Steps(suite) if is_warm_up else found, times)


async def _visit(suite: Suite, address: str, steps: Steps, times: int) -> None:
    """Deliver without a reader, then read and remove what came, then do whole cycles in an open mailbox."""
    ports = suite.ports
    door = Door(suite.address, ports["port_submissions"], ports["port_imaps"], source(suite.address, 0))
    user = User(address, door, SIZE)
    await user.log_in_to_send()
    await steps.take("deliver", times, lambda _: user.send_to(address, f"growth.{time.time_ns()}"))
    inbox = await open_inbox(door.host, door.imaps, door.source, address)
    await steps.take("SELECT", times, lambda _: inbox.select())
    newest = await inbox.select() - 1
    await steps.take("FETCH newest", times, lambda _: inbox.fetch(newest))
    await steps.take("STORE and EXPUNGE newest", times, lambda n: remove(inbox, newest - n))
    await inbox.log_out()
    user.close()
    await user.connect()
    await steps.take("whole cycle", times, lambda _: user.cycle())
    user.close()


def _prefix(number: int) -> str:
    return f"growth{number}x"
