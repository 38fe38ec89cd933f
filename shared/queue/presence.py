"""Who is there: every process of a service says so every few seconds, with the connections it holds."""

import asyncio
import contextlib
import os
from collections.abc import Callable

from shared.queue import contract
from shared.queue.client import Away, be_cancelled, open_async

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
