"""Redis connections with deadlines: Redis away must cost milliseconds, never a hang."""

import asyncio

import redis
import redis.asyncio
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import NoBackoff
from redis.retry import Retry

ANSWER_SECONDS = 1.0
CONNECT_SECONDS = 1.0

Away = (redis.RedisError, OSError, TimeoutError)


def open_async(url: str) -> redis.asyncio.Redis:
    """Return an asynchronous client; its calls raise one of `Away` within about a second."""
    return redis.asyncio.Redis.from_url(
        url,
        socket_timeout=ANSWER_SECONDS,
        socket_connect_timeout=CONNECT_SECONDS,
        retry=AsyncRetry(NoBackoff(), 1),
        protocol=2,
    )


def open_sync(url: str, waits: float = ANSWER_SECONDS) -> redis.Redis:
    """Return a synchronous client, likewise; `waits` is for one whose commands block on purpose."""
    return redis.Redis.from_url(
        url,
        socket_timeout=waits,
        socket_connect_timeout=CONNECT_SECONDS,
        retry=Retry(NoBackoff(), 1),
        protocol=2,
    )


def be_cancelled() -> None:
    """Raise CancelledError if this task was cancelled; for loops that outlive an error.

    redis-py reports a cancellation that hits it while connecting as a connection error.
    """
    task = asyncio.current_task()
    if task and task.cancelling():
        raise asyncio.CancelledError
