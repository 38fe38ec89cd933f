"""Bell, pace, jobs and presence on a real server."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import redis
from rq.serializers import JSONSerializer

from shared.policy.pace import Rate
from shared.queue import bell as bell_room
from shared.queue import contract, overview, presence, worker
from shared.queue.bell import Bell, Listener
from shared.queue.jobs import ContractJob, Jobs, NotInContract, queue
from shared.queue.pace import Pace

NOWHERE = "unix:///nonexistent/valkey.sock"


async def until(condition: object, seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)


class Heard(list[tuple[int, ...]]):
    """What is heard, in order; (0, 0) for a gap."""

    def ring(self, mailbox_id: int, modseq: int) -> None:
        self.append((mailbox_id, modseq))

    def arrived(self, mailbox_id: int, modseq: int, uid: int, at: int) -> None:
        self.append((mailbox_id, modseq, uid, at))

    def look_all(self) -> None:
        self.append((0, 0))


@pytest.fixture
async def heard(redis_urls: dict[str, str]) -> AsyncIterator[Heard]:
    heard = Heard()
    listener = Listener(redis_urls["imap"], heard)
    task = asyncio.create_task(listener.listen())
    await until(lambda: listener.is_connected)
    yield heard
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await listener.close()


async def test_what_rings_is_heard_once_with_its_latest_modseq(redis_urls: dict[str, str], heard: Heard) -> None:
    bell = Bell(redis_urls["submission"])
    bell.ring(((7, 3), (8, 1)))
    bell.ring(((7, 4),))
    await until(lambda: (8, 1) in heard and (7, 4) in heard)
    await bell.close()
    assert heard == [(0, 0), (7, 4), (8, 1)]  # first of all: look everywhere


async def test_rings_that_may_wait_are_gathered(
    redis_urls: dict[str, str], heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    bell, publications = Bell(redis_urls["imap"], gather=0.05), 0
    publish = bell._redis.publish

    async def counted(channel: str, data: bytes) -> object:
        nonlocal publications
        publications += 1
        return await publish(channel, data)

    monkeypatch.setattr(bell._redis, "publish", counted)
    for modseq in range(1, 6):
        bell.ring(((7, modseq),))
        await asyncio.sleep(0)
    await until(lambda: (7, 5) in heard)
    await bell.close()
    assert (publications, heard) == (1, [(0, 0), (7, 5)])


async def test_ringing_into_the_void_neither_waits_nor_fails() -> None:
    bell = Bell(NOWHERE)
    bell.ring(((7, 3),))
    await bell.close()


async def test_what_came_is_told_before_it_rings(redis_urls: dict[str, str], heard: Heard) -> None:
    bell = Bell(redis_urls["submission"])
    bell.announce([(7, 3, 1, 50), (8, 1, 9, 60)])
    bell.announce([(7, 4, 2, 70)])
    await until(lambda: (8, 1) in heard and (7, 4) in heard)
    await bell.close()
    assert heard == [(0, 0), (7, 3, 1, 50), (8, 1, 9, 60), (7, 4, 2, 70), (7, 4), (8, 1)]


async def test_while_redis_hangs_arrivals_are_not_heaped_up_and_rings_stay(
    redis_urls: dict[str, str], heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bell_room, "MAX_PENDING", 2)
    bell = Bell(redis_urls["submission"])
    for uid in range(1, 5):
        bell.announce([(7, uid, uid, 0)])
    await until(lambda: (7, 4) in heard)
    await bell.close()
    assert heard == [(0, 0), (7, 1, 1, 0), (7, 2, 2, 0), (7, 4)]


def test_strokes_survive_the_wire_and_garbage_does_not() -> None:
    payload = contract.write([(1, 2), (3, 4)], [(3, 4, 5, 6)])
    assert contract.read(payload) == ([(1, 2), (3, 4)], [(3, 4, 5, 6)])
    assert contract.read(b"x:1,,5,6:7:8,-1:2,1:2:3:,1:2:3:4:5,9:1" + b"0" * 90) == ([], [])


def test_versions_that_do_not_know_arrivals_hear_their_rings() -> None:
    payload = contract.write([(3, 4)], [(3, 4, 5, 6)])
    known = [part.partition(b":") for part in payload.split(b",")]
    assert [(int(box), int(modseq)) for box, _, modseq in known if modseq.isdigit()] == [(3, 4)]


async def test_the_burst_goes_and_no_more_across_replicas(redis_urls: dict[str, str]) -> None:
    rate = Rate(per_minute=1, burst=10)
    replicas = [Pace(redis_urls["submission"], rate) for _ in range(2)]
    verdicts = await asyncio.gather(*(replicas[number % 2].may_send(11) for number in range(16)))
    assert sum(verdicts) == 10
    assert await replicas[0].may_send(12)
    for replica in replicas:
        await replica.close()


async def test_several_are_counted_at_once_and_one_kind_apart_from_another(redis_urls: dict[str, str]) -> None:
    rate = Rate(per_minute=1, burst=10)
    pace, other = Pace(redis_urls["submission"], rate), Pace(redis_urls["submission"], rate, contract.PACE_ELSEWHERE)
    assert not await pace.may_send(21, 11)
    assert await pace.may_send(21, 7)
    assert [await pace.may_send(21, times) for times in (4, 3, 1)] == [False, True, False]
    assert await other.may_send(21, 10)
    await pace.close()
    await other.close()


async def test_without_redis_a_process_paces_alone_at_half_the_rate() -> None:
    pace = Pace(NOWHERE, Rate(per_minute=1, burst=10))
    assert sum([await pace.may_send(11) for _ in range(12)]) == 5
    await pace.close()


async def test_jobs_are_asked_for_once_and_carry_one_integer(redis_urls: dict[str, str]) -> None:
    jobs, may_go = Jobs(redis_urls["submission"]), threading.Event()
    jobs._pool.submit(may_go.wait)  # hold the thread, so that all five are asked while the first one waits
    for _ in range(5):
        jobs.enqueue(contract.TRIM, 42)
    may_go.set()
    with redis.Redis.from_url(redis_urls["tests"]) as connection:
        await until(lambda: queue(connection).count == 1)
        (job,) = queue(connection).jobs
        assert (job.func_name, list(job.args), job.description) == (contract.TRIM, [42], contract.TRIM)
        queue(connection).empty()
    jobs.close()


def test_without_redis_a_job_is_not_asked_for() -> None:
    async def ask() -> None:
        jobs = Jobs(NOWHERE)
        jobs.enqueue(contract.TRIM, 42)
        await asyncio.sleep(0.1)
        jobs.close()

    asyncio.run(ask())


PLANTED = [
    pytest.param("os.system", ["touch {target}"], {}, id="os.system"),
    pytest.param(contract.TRIM, ["touch {target}"], {}, id="ours on text"),
    pytest.param(contract.TRIM, [1, 2], {}, id="ours on two"),
    pytest.param("builtins.print", [1], {}, id="print"),
]


@pytest.mark.parametrize(("name", "args", "kwargs"), PLANTED)
def test_a_planted_job_does_not_run(
    redis_urls: dict[str, str], tmp_path: Path, name: str, args: list[object], kwargs: dict[str, object]
) -> None:
    target = tmp_path / "planted"
    arguments = [a.format(target=target) if isinstance(a, str) else a for a in args]
    with redis.Redis.from_url(redis_urls["tests"]) as connection:
        queue(connection).enqueue_call(name, args=arguments, kwargs=kwargs, description="x")
        tamed = worker.ContractWorker([queue(connection)], connection=connection, serializer=JSONSerializer)
        tamed.work(burst=True, logging_level="CRITICAL")
        assert queue(connection).count == 0
    assert not target.exists()


def test_a_planted_callback_does_not_run(redis_urls: dict[str, str]) -> None:
    with redis.Redis.from_url(redis_urls["tests"]) as connection:
        job = ContractJob.create(
            contract.TRIM, args=[1], connection=connection, serializer=JSONSerializer, description="x"
        )
        job._success_callback_name = "os.getpid"
        job.save()
        kept = ContractJob.fetch(job.id, connection=connection, serializer=JSONSerializer)
        with pytest.raises(NotInContract):
            _ = kept.success_callback


async def test_presence_is_counted_by_service(redis_urls: dict[str, str]) -> None:
    task = asyncio.create_task(presence.announce(redis_urls["imap"], "imap"))
    found: list[overview.Overview | None] = []

    async def look() -> bool:
        found.append(await asyncio.to_thread(overview.overview, redis_urls["operator"]))
        return bool(found[-1] and found[-1].services)

    for _ in range(100):
        if await look():
            break
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert found[-1]
    assert (list(found[-1].services), found[-1].jobs) == (["imap"], 0)
    assert found[-1].services["imap"].replicas == 1
    assert found[-1].services["imap"].rss > 1_000_000
    assert overview.overview(NOWHERE) is None


@pytest.mark.parametrize("user", ["imap"])
def test_who_has_no_business_with_jobs_may_not_write_them(redis_urls: dict[str, str], user: str) -> None:
    with redis.Redis.from_url(redis_urls[user]) as connection, pytest.raises(redis.exceptions.NoPermissionError):
        connection.rpush("rq:queue:chatmail", "x")


@pytest.mark.parametrize("command", [["CONFIG", "GET", "*"], ["FLUSHALL"], ["KEYS", "*"], ["DEBUG", "SLEEP", "0"]])
def test_dangerous_commands_are_refused(redis_urls: dict[str, str], command: list[str]) -> None:
    with redis.Redis.from_url(redis_urls["submission"]) as connection, pytest.raises(redis.exceptions.ResponseError):
        connection.execute_command(*command)
