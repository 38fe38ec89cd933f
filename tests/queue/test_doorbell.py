"""The doorbell: rung twice it is one job, rung after the job began it is another, and who is full takes none."""

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable, Iterator

import pytest
import redis
from queue_worker import jobs as worker_jobs
from rq.serializers import JSONSerializer

from shared.queue import contract, worker
from shared.queue.jobs import WAKE_SECONDS, Jobs, queue, wake_key
from tests.calibration import cost, loop

DEADLINE = 20.0
JOBS = 50


@pytest.fixture
def connection(redis_urls: dict[str, str]) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(redis_urls["tests"]) as connection:
        for key in connection.scan_iter("rq:*"):
            connection.delete(key)
        yield connection


async def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)


async def ring(redis_urls: dict[str, str], *numbers: int, user: str = "submission") -> None:
    """Ring as a process of its own would: what it rang before is forgotten."""
    jobs = Jobs(redis_urls[user])
    for number in numbers:
        jobs.enqueue(contract.DELIVER, number)
    await until(lambda: not jobs._pending)
    jobs.close()


def burst(connection: redis.Redis) -> None:
    tamed = worker.ContractWorker([queue(connection)], connection=connection, serializer=JSONSerializer)
    tamed.work(burst=True, logging_level="CRITICAL")


@pytest.mark.parametrize("user", ["submission", "smtp_in", "register"])
async def test_asked_twice_by_anybody_it_is_one_job(
    redis_urls: dict[str, str], connection: redis.Redis, user: str
) -> None:
    await ring(redis_urls, 1, 2)
    await ring(redis_urls, 1, user=user)
    assert sorted(job.args[0] for job in queue(connection).jobs) == [1, 2]


async def test_asked_after_the_job_began_it_is_another(redis_urls: dict[str, str], connection: redis.Redis) -> None:
    heard: list[int] = []

    def deliver(number: int) -> None:
        heard.append(number)
        if len(heard) == 1:  # somebody committed after this job had begun to look
            asyncio.run(ring(redis_urls, number))

    worker_jobs.serve(trim=heard.append, deliver=deliver, push=heard.append)
    await ring(redis_urls, 7)
    await asyncio.to_thread(burst, connection)
    assert heard == [7, 7]
    assert not connection.exists(wake_key(contract.DELIVER, 7))


async def test_a_key_whose_job_was_lost_is_in_the_way_for_seconds_only(
    redis_urls: dict[str, str], connection: redis.Redis
) -> None:
    await ring(redis_urls, 1)
    assert 0 < connection.ttl(wake_key(contract.DELIVER, 1)) <= WAKE_SECONDS
    queue(connection).empty()
    connection.delete(wake_key(contract.DELIVER, 1))  # as its time would
    await ring(redis_urls, 1)
    assert queue(connection).count == 1


async def test_who_rings_at_a_full_house_leaves_nothing_behind(
    redis_urls: dict[str, str], connection: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.queue.jobs.MAX_QUEUED", 2)
    await ring(redis_urls, 1, 2, 3)
    assert [job.args[0] for job in queue(connection).jobs] == [1, 2]
    assert not connection.exists(wake_key(contract.DELIVER, 3))


async def test_jobs_run_on_a_thread_and_none_while_full(redis_urls: dict[str, str], connection: redis.Redis) -> None:
    heard: list[tuple[str, int]] = []
    has_room = threading.Event()
    worker_jobs.serve(
        trim=lambda number: heard.append(("trim", number)),
        deliver=lambda number: heard.append((threading.current_thread().name, number)),
        push=lambda number: heard.append(("push", number)),
    )
    await ring(redis_urls, 1)
    worker.start(redis_urls["queue_worker"], lambda: not has_room.is_set())
    await asyncio.sleep(5 * worker.FULL_SECONDS)
    assert (heard, queue(connection).count) == ([], 1)
    has_room.set()
    await until(lambda: heard)
    assert heard == [("rq", 1)]
    await ring(redis_urls, 2)
    await until(lambda: len(heard) == 2)
    assert heard[1] == ("rq", 2)
    # The thread lives as long as the process: full for good, once it has what it waits for, it disturbs no other test.
    has_room.clear()
    await ring(redis_urls, 3)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(1.0):
            await until(lambda: len(heard) == 3)
    queue(connection).empty()


async def test_a_job_costs_little(redis_urls: dict[str, str], connection: redis.Redis) -> None:
    """A quarter of what RQ's own worker takes, which starts a process for each."""
    worker_jobs.serve(trim=int, deliver=int, push=int)
    taken = []
    for _ in range(5):
        await ring(redis_urls, *range(JOBS))
        before = time.process_time_ns()
        await asyncio.to_thread(burst, connection)
        taken.append((time.process_time_ns() - before) / JOBS)
    assert min(taken) < cost(loop, 60) * 14  # measured: 5 to 6.5; a process for each 35
