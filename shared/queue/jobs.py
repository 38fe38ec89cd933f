"""Jobs as a doorbell: enqueued after a commit, lost without harm, and never anything but what the contract names.

RQ runs whatever importable name it finds in Redis, with JSON payloads too; so the worker's Job class runs the
names of `contract.JOBS` on one integer and refuses everything else, callbacks included.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import redis
from rq import Queue
from rq.job import Job
from rq.serializers import JSONSerializer

from shared.queue import contract
from shared.queue.client import Away, open_sync

JOB_SECONDS = 300
FAILURE_SECONDS = 3600
WAKE_SECONDS = 10
MAX_QUEUED = 10_000  # jobs: while no worker takes any, Redis must not fill up with doorbells; the sweeps find it all
PATIENCE = 5.0  # seconds for Redis to answer a thread that nobody waits for


class NotInContract(Exception):
    """A job in Redis names something that is not ours to run."""


class ContractJob(Job):
    """A job that runs the contract's functions only."""

    @property
    def func(self) -> Callable[..., Any]:
        """Return the function, if the contract names it and its one argument is an integer."""
        are_ours = isinstance(self.args, list | tuple) and len(self.args) == 1 and type(self.args[0]) is int
        if self.func_name not in contract.JOBS or not are_ours or self.kwargs or self.instance:
            raise NotInContract
        function: Callable[..., Any] = super().func
        return function

    @property
    def success_callback(self) -> None:
        return self._no_callback(self._success_callback_name)

    @property
    def failure_callback(self) -> None:
        return self._no_callback(self._failure_callback_name)

    @property
    def stopped_callback(self) -> None:
        return self._no_callback(self._stopped_callback_name)

    @staticmethod
    def _no_callback(name: str | None) -> None:
        if name:
            raise NotInContract


def queue(connection: redis.Redis) -> Queue:
    """Return the suite's one queue."""
    return Queue(contract.QUEUE, connection=connection, job_class=ContractJob, serializer=JSONSerializer)


def wake_key(name: str, number: int) -> str:
    """Return the key that says that a job waits; the worker removes it before it runs the job."""
    return f"{contract.WAKE}{name}:{number}"


class Jobs:
    """Enqueues jobs from an event loop; never raises and never waits."""

    def __init__(self, url: str) -> None:
        self._redis = open_sync(url, waits=PATIENCE)
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="jobs")
        self._pending: set[tuple[str, int]] = set()

    def enqueue(self, name: str, number: int) -> None:
        """Ask for `name(number)` to be run soon; what is asked already is not asked twice."""
        if (name, number) not in self._pending and len(self._pending) < 1000:
            self._pending.add((name, number))
            asyncio.get_running_loop().run_in_executor(self._pool, self._enqueue, name, number)

    def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._redis.close()

    def _enqueue(self, name: str, number: int) -> None:
        try:
            jobs = queue(self._redis)
            if jobs.count >= MAX_QUEUED or not self._redis.set(wake_key(name, number), b"", nx=True, ex=WAKE_SECONDS):
                return  # such a job waits, and will look after we committed
            jobs.enqueue_call(
                name,
                args=(number,),
                timeout=JOB_SECONDS,
                result_ttl=0,
                failure_ttl=FAILURE_SECONDS,
                description=name,
            )
        except Away:
            return
        finally:
            self._pending.discard((name, number))
