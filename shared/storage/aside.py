"""What is too large for a lane: on threads, with a connection of its own for each call.

Building a large statement alone would hold up the event loop (measured: 3 ms a megabyte). What is under way goes on
when nobody waits for it any more.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import psycopg

from shared.storage.errors import Unavailable
from shared.storage.lane import PATIENCE, Lane, translate

LARGE = 256 * 1024  # octets
MAX_AT_ONCE = 2
MAX_WAITING = 8

_OPTIONS = "-c statement_timeout=20s -c lock_timeout=5s -c synchronous_commit=on"

Connection = psycopg.Connection[tuple[Any, ...]]
T = TypeVar("T")


class Aside:
    """Calls that are durable when they return, two at a time; `lane` tells whether Postgres is there."""

    def __init__(self, lane: Lane, url: str) -> None:
        self._lane = lane
        self._url = url
        self._pool = ThreadPoolExecutor(MAX_AT_ONCE, thread_name_prefix="large")
        self._count = 0

    async def run(self, work: Callable[[Connection], T]) -> T:
        """Return what `work` makes of a connection; raise Unavailable, NoSpace, or a CM… condition as it is."""
        if not self._lane.is_connected or self._count >= MAX_WAITING:
            raise Unavailable
        self._count += 1
        working = asyncio.get_running_loop().run_in_executor(self._pool, self._work, work)
        working.add_done_callback(self._done)
        return await asyncio.shield(working)

    def close(self) -> None:
        """End the threads, once they have nothing to do."""
        self._pool.shutdown(wait=False)

    def _done(self, working: "asyncio.Future[T]") -> None:
        self._count -= 1
        if not working.cancelled():
            working.exception()  # seen, also when nobody waits for it any more

    def _work(self, work: Callable[[Connection], T]) -> T:
        try:
            with psycopg.connect(self._url, autocommit=True, options=_OPTIONS, **PATIENCE) as connection:
                return work(connection)
        except psycopg.Error as error:
            told = translate(error)
            if told is error:
                raise
            raise told from error
