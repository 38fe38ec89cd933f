"""The pusher over a store in memory and a push service that does what the test says."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence

import pytest
from queue_worker.push import PLACES, Pusher

from shared.policy.push import Patience
from shared.storage.errors import Unavailable
from shared.storage.push import Due

NEVER = 3600.0


class FakeStore:
    """Gives out what is due once, and notes what became of it."""

    def __init__(self) -> None:
        self.due: list[Due] = []
        self.said: list[tuple[object, ...]] = []
        self.asked: list[int] = []
        self.old = 0
        self.error: Exception | None = None

    def put(self, *tokens: bytes, attempts: int = 0, age: float = 0.0) -> None:
        self.due += [Due(int(token), token, attempts, age) for token in tokens]

    async def claim(self, most: int, lease: float, patience: float) -> Sequence[Due]:
        self.asked.append(most)
        if self.error:
            raise self.error
        claimed, self.due = self.due[:most], self.due[most:]
        return claimed

    async def done(self, token_id: int) -> None:
        self._say("done", token_id)

    async def again(self, token_id: int, seconds: float) -> None:
        self._say("again", token_id, seconds)

    async def remove(self, token_id: int) -> None:
        self._say("remove", token_id)

    async def expire(self) -> int:
        removed, self.old = min(self.old, 10), max(self.old - 10, 0)
        return removed

    def _say(self, *words: object) -> None:
        if self.error:
            raise self.error
        self.said.append(words)


class FakePost:
    """Answers 200, or what `answers` has for a token: a status, an error, or an event to wait for."""

    def __init__(self) -> None:
        self.posted: list[bytes] = []
        self.answers: dict[bytes, int | Exception | asyncio.Event] = {}
        self.under_way = self.most_under_way = 0

    async def post(self, body: bytes) -> int:
        self.posted.append(body)
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        await asyncio.sleep(0)
        answer = self.answers.get(body, 200)
        try:
            if isinstance(answer, asyncio.Event):
                await answer.wait()
            elif isinstance(answer, Exception):
                raise answer
        finally:
            self.under_way -= 1
        return answer if isinstance(answer, int) else 200


@pytest.fixture
def store() -> FakeStore:
    return FakeStore()


@pytest.fixture
def post() -> FakePost:
    return FakePost()


Start = Callable[..., Pusher]


@pytest.fixture
async def start(store: FakeStore, post: FakePost) -> AsyncIterator[Start]:
    running: list[asyncio.Task[None]] = []

    def begin(sweep_seconds: float = NEVER, patience: Patience | None = None) -> Pusher:
        pusher = Pusher(store, post, sweep_seconds=sweep_seconds, patience=patience)
        running.append(asyncio.create_task(pusher.run()))
        return pusher

    yield begin
    for task in running:
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


async def until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not is_so():
            await asyncio.sleep(0.001)


async def settled() -> None:
    """Let everything that can happen now happen."""
    for _ in range(50):
        await asyncio.sleep(0)


async def test_what_is_due_at_the_start_is_told(store: FakeStore, post: FakePost, start: Start) -> None:
    store.put(b"1", b"2")
    start()
    await until(lambda: len(store.said) == 2)
    assert sorted(post.posted) == [b"1", b"2"]
    assert sorted(store.said) == [("done", 1), ("done", 2)]


async def test_a_doorbell_makes_it_look_at_once(store: FakeStore, post: FakePost, start: Start) -> None:
    pusher = start()
    await settled()
    store.put(b"1")
    await settled()
    assert post.posted == []
    pusher.wake()
    await until(lambda: store.said == [("done", 1)])


async def test_a_lost_doorbell_costs_a_sweep(store: FakeStore, start: Start) -> None:
    start(sweep_seconds=0.01)
    await settled()
    store.put(b"1")
    await until(lambda: store.said == [("done", 1)])


@pytest.mark.parametrize(
    ("answer", "attempts", "age", "said"),
    [
        pytest.param(200, 0, 0.0, ("done", 1), id="told"),
        pytest.param(410, 0, 0.0, ("remove", 1), id="gone"),
        pytest.param(500, 0, 0.0, ("again", 1, 8.0), id="failed"),
        pytest.param(500, 2, 100.0, ("again", 1, 512.0), id="failed-often"),
        pytest.param(0, 0, 0.0, ("again", 1, 8.0), id="away"),
        pytest.param(500, 4, 5000.0, ("done", 1), id="given-up"),
    ],
)
async def test_what_the_push_service_says_is_noted(
    store: FakeStore,
    post: FakePost,
    start: Start,
    answer: int,
    attempts: int,
    age: float,
    said: tuple[object, ...],
) -> None:
    post.answers[b"1"] = answer
    store.put(b"1", attempts=attempts, age=age)
    start()
    await until(lambda: store.said == [said])


async def test_patience_is_passed_on(store: FakeStore, post: FakePost, start: Start) -> None:
    post.answers[b"1"] = 500
    store.put(b"1")
    start(patience=Patience(step=0.5))
    await until(lambda: store.said == [("again", 1, 0.5)])


async def test_a_push_service_that_hangs_costs_its_places_and_no_more(
    store: FakeStore, post: FakePost, start: Start
) -> None:
    hang = asyncio.Event()
    names = [b"%d" % number for number in range(100)]
    post.answers = dict.fromkeys(names, hang)
    store.put(*names)
    pusher = start()
    await until(lambda: post.under_way == PLACES)
    for _ in range(20):
        pusher.wake()
        await settled()
    assert len(post.posted) == PLACES
    assert len(store.due) == 100 - PLACES
    hang.set()
    await until(lambda: len(store.said) == 100)
    assert post.most_under_way == PLACES
    assert max(store.asked) == PLACES


async def test_one_that_hangs_does_not_hold_up_the_others(store: FakeStore, post: FakePost, start: Start) -> None:
    post.answers[b"0"] = asyncio.Event()
    store.put(*(b"%d" % number for number in range(50)))
    start()
    await until(lambda: len(store.said) == 49)


@pytest.mark.parametrize("error", [Unavailable(), RuntimeError()], ids=["away", "our-mistake"])
async def test_it_lives_on_when_the_database_fails(
    store: FakeStore, post: FakePost, start: Start, error: Exception
) -> None:
    store.put(b"1")
    store.error = error
    pusher = start(sweep_seconds=0.01)
    await until(lambda: len(store.asked) > 2)
    store.error = None
    await until(lambda: store.said == [("done", 1)])
    store.put(b"2")
    hang = post.answers[b"2"] = asyncio.Event()
    pusher.wake()
    await until(lambda: post.under_way == 1)
    store.error = error  # it cannot even say that 2 is told
    hang.set()
    await until(lambda: post.under_way == 0)
    store.error = None
    store.put(b"3")
    await until(lambda: store.said[-1] == ("done", 3))


async def test_it_lives_on_when_the_poster_fails(store: FakeStore, post: FakePost, start: Start) -> None:
    post.answers = {b"%d" % number: RuntimeError() for number in range(10)}
    store.put(*post.answers, b"10")
    start()
    await until(lambda: store.said == [("done", 10)])


async def test_a_database_that_is_away_is_not_asked_without_end(store: FakeStore, start: Start) -> None:
    store.error = Unavailable()
    start()
    await settled()
    assert len(store.asked) == 1


async def test_old_tokens_go_to_the_last(store: FakeStore, start: Start) -> None:
    store.old = 25
    start()
    await until(lambda: store.old == 0)


async def test_nothing_but_counts_is_logged(
    store: FakeStore, post: FakePost, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[tuple[str, dict[str, int]]] = []
    monkeypatch.setattr("queue_worker.push.REPORT_SECONDS", 0.02)
    monkeypatch.setattr("shared.log.event", lambda name, **counts: told.append((name, counts)))
    post.answers[b"2"] = 410
    store.put(b"1", b"2", b"3")
    start()
    await until(lambda: sum(sum(counts.values()) for _, counts in told) == 3)
    assert {name for name, _ in told} == {"push"}
    assert {word for _, counts in told for word in counts} == {"told", "forgotten"}
