"""Who is there: every process of a service says so every few seconds, with the connections it holds."""

import asyncio
import contextlib
import os
from collections.abc import Callable
from dataclasses import dataclass

from shared.queue import contract
from shared.queue.client import Away, be_cancelled, open_async, open_sync
from shared.queue.jobs import queue

EVERY_SECONDS = 5.0
KEPT_SECONDS = 15


async def announce(url: str, service: str, connections: Callable[[], int]) -> None:
    """Tell Redis for ever that this process of `service` is alive; Redis away is nobody's trouble here."""
    key = f"{contract.PRESENCE}{service}:{os.uname().nodename}:{os.getpid()}"
    async with open_async(url) as redis:
        while True:
            with contextlib.suppress(*Away):
                await redis.set(key, connections(), ex=KEPT_SECONDS)
            be_cancelled()
            await asyncio.sleep(EVERY_SECONDS)


def announce_worker(url: str) -> None:
    """Do the same for a worker without connections, on a thread of its own."""
    asyncio.run(announce(url, "queue-worker", lambda: 0))


@dataclass(frozen=True, slots=True)
class Overview:
    """What Redis knows of the suite: open connections per service, and jobs that wait."""

    connections: dict[str, int]
    jobs: int


def overview(url: str) -> Overview | None:
    """Return what Redis knows now, or None while it is away."""
    redis = open_sync(url)
    connections: dict[str, int] = {}
    try:
        for key in redis.scan_iter(match=f"{contract.PRESENCE}*", count=1000):
            service = key.decode().split(":")[1]
            connections[service] = connections.get(service, 0) + int(redis.get(key) or 0)
        return Overview(connections, queue(redis).count)
    except Away:
        return None
    finally:
        redis.close()
