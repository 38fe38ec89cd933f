"""One connection that takes everything that queued up while it was busy (design §4.6).

Strategy: a caller submits one item of an operation and awaits its own answer. While the connection works, items
wait; when it is free it takes all waiting items of the oldest one's operation, up to the operation's limit, and
runs them as one statement, which is one transaction. There is no timer: alone, an item goes at once. A batch that
fails is tried again item by item, so that one bad item cannot fail its neighbours.
"""

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Awaitable, Callable, Hashable, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar

import psycopg
from psycopg import errors as pg

from shared import log
from shared.storage.errors import NoSpace, Unavailable
from shared.storage.link import Link

T_contra = TypeVar("T_contra", contravariant=True)
R_co = TypeVar("R_co", covariant=True)
T = TypeVar("T")
R = TypeVar("R")

Connection = Link

MAX_WAITING = 20_000
MAX_WAITING_OCTETS = 128 * 1024 * 1024
ANSWER_SECONDS = 18.0  # above the server's own limit (statement_timeout), for a server that does not answer at all
RECONNECT_SECONDS = (0.1, 0.2, 0.5, 1.0)
CONFLICT_TRIES = 3
# How long libpq waits for a connection, and for a peer that has gone without a word.
PATIENCE: dict[str, Any] = {
    "connect_timeout": 5,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 15_000,
}


class Operation(Protocol, Generic[T_contra, R_co]):
    """A named statement over many items; `limit` items or `weight_limit` octets go into one batch."""

    limit: int

    async def run(self, connection: Connection, items: Sequence[T_contra], /) -> Sequence[R_co]:
        """Run the statement once and return an answer for each item, in order."""

    def key(self, item: T_contra, /) -> Hashable:
        """Two items with the same key do not go into one batch; None never clashes."""

    def weight(self, item: T_contra, /) -> int:
        """Return the octets the item adds to a batch."""


WEIGHT_LIMIT = 4 * 1024 * 1024


@dataclass(slots=True)
class _Waiting:
    item: Any
    answer: asyncio.Future[Any]


@dataclass(slots=True)
class _Lines:
    """What waits, by operation, in the order the operations first came."""

    by_operation: dict[Any, deque[_Waiting]] = field(default_factory=dict)
    count: int = 0
    octets: int = 0

    @property
    def is_full(self) -> bool:
        return self.count >= MAX_WAITING or self.octets >= MAX_WAITING_OCTETS

    def put(self, operation: Any, waiting: _Waiting) -> None:
        self.by_operation.setdefault(operation, deque()).append(waiting)
        self.count += 1
        self.octets += operation.weight(waiting.item)

    def take(self) -> tuple[Any, list[_Waiting]]:
        """Take the next batch: the oldest operation's line, which then goes to the back."""
        operation = next(iter(self.by_operation))
        line = self.by_operation.pop(operation)
        waited = len(line)
        batch: list[_Waiting] = []
        keys: set[Hashable] = set()
        weight = 0
        while line and len(batch) < operation.limit and weight < WEIGHT_LIMIT:
            key = operation.key(line[0].item)
            if key is not None and key in keys:
                break
            waiting = line.popleft()
            self.octets -= operation.weight(waiting.item)
            if not waiting.answer.done():  # else nobody waits for it any more
                keys.add(key)
                weight += operation.weight(waiting.item)
                batch.append(waiting)
        if line:
            self.by_operation[operation] = line
        self.count -= waited - len(line)
        return operation, batch

    def clear(self) -> list[_Waiting]:
        everything = [waiting for line in self.by_operation.values() for waiting in line]
        self.by_operation.clear()
        self.count = self.octets = 0
        return everything


def _unseen(_seconds: float) -> None:
    pass


class Lane:
    """A connection with a line before it; reconnects by itself, and says Unavailable while it cannot."""

    def __init__(self, url: str, *, name: str, options: str, observe: Callable[[float], None] = _unseen) -> None:
        self._url = url
        self._observe = observe  # told the seconds each batch took
        self._parameters: dict[str, Any] = {"application_name": name, "options": options, **PATIENCE}
        self._lines = _Lines()
        self._wake = asyncio.Event()
        self._connection: Connection | None = None
        self._task: asyncio.Task[None] | None = None
        self.connections = 0  # so far: over a later one, what was written late may be there no more
        self.on_back: Callable[[], None] | None = None  # called when the connection is there again

    @property
    def is_connected(self) -> bool:
        return self._connection is not None and not self._connection.is_closed

    async def open(self, ask: Callable[[Connection], Awaitable[None]] | None = None) -> None:
        """Connect, let `ask` put its first questions, and start serving the line; raise Unavailable, as `ask` may."""
        try:
            connection = await self._connect()
            if ask:
                await ask(connection)
        except (psycopg.Error, Unavailable) as error:
            if self._connection:
                await self._connection.close()
            raise Unavailable from error
        self._task = asyncio.create_task(self._serve())

    async def close(self) -> None:
        if self._task:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        if self._connection:
            await self._connection.close()

    def submit(self, operation: Operation[T, R], item: T) -> asyncio.Future[R]:
        """Run `operation` on `item`, together with whatever else waits; raise Unavailable, at once or when awaited,
        or NoSpace.
        """
        if not self.is_connected or self._lines.is_full:
            raise Unavailable
        answer: asyncio.Future[R] = asyncio.get_running_loop().create_future()
        self._lines.put(operation, _Waiting(item, answer))
        self._wake.set()
        return answer

    async def _connect(self) -> Connection:
        connected = await psycopg.AsyncConnection.connect(
            self._url, autocommit=True, prepare_threshold=1, **self._parameters
        )
        self._connection = Link(connected, self._wake.set)
        self.connections += 1
        return self._connection

    async def _serve(self) -> None:
        while True:
            try:
                await self._turn()
            except Exception as error:  # nobody foresaw it; a lane that ended would be unavailable for ever
                log.failure("lane", error)
                await asyncio.sleep(RECONNECT_SECONDS[0])

    async def _turn(self) -> None:
        if not self.is_connected:
            await self._reconnect()
        if not self._lines.count:
            self._wake.clear()
            await self._wake.wait()
            if not self.is_connected:
                await self._lose()
            return
        operation, batch = self._lines.take()
        if batch:
            await self._run(operation, batch)

    async def _reconnect(self) -> None:
        for waiting in self._lines.clear():
            _fail(waiting, Unavailable())
        attempt = 0
        while True:
            try:
                await self._connect()
            except psycopg.Error:
                await asyncio.sleep(RECONNECT_SECONDS[min(attempt, len(RECONNECT_SECONDS) - 1)])
                attempt += 1
            else:
                log.event("postgres-back", lane=self._parameters["application_name"])
                if self.on_back:
                    self.on_back()
                return

    async def _lose(self) -> None:
        if self._connection:
            await self._connection.close()
        self._connection = None
        log.event("postgres-away", lane=self._parameters["application_name"])

    async def _run(self, operation: Any, batch: list[_Waiting]) -> None:
        try:
            await self._answer(operation, batch)
        except psycopg.Error as error:
            if not self.is_connected:
                await self._lose()
                for waiting in batch:
                    _fail(waiting, Unavailable())
            elif len(batch) > 1:
                await self._run_each(operation, batch)
            else:
                _fail(batch[0], translate(error))
        except TimeoutError:
            await self._lose()
            for waiting in batch:
                _fail(waiting, Unavailable())
        except Exception as error:
            log.failure("lane", error)
            for waiting in batch:
                _fail(waiting, Unavailable())

    async def _run_each(self, operation: Any, batch: list[_Waiting]) -> None:
        for waiting in batch:
            if self.is_connected:
                await self._run(operation, [waiting])
            else:
                _fail(waiting, Unavailable())

    async def _answer(self, operation: Any, batch: list[_Waiting]) -> None:
        assert self._connection
        items = [waiting.item for waiting in batch]
        started = time.perf_counter()
        for tries_left in reversed(range(CONFLICT_TRIES)):
            try:
                async with asyncio.timeout(ANSWER_SECONDS):
                    answers = await operation.run(self._connection, items)
                break
            except (pg.DeadlockDetected, pg.SerializationFailure):
                if not tries_left:
                    raise
        self._observe(time.perf_counter() - started)
        for waiting, answer in zip(batch, answers, strict=True):
            if not waiting.answer.done():
                waiting.answer.set_result(answer)


def translate(error: psycopg.Error) -> Exception:
    """Say a driver's error in the store's words; a raised CM… condition of our own functions stays itself."""
    if isinstance(error, pg.DiskFull | pg.OutOfMemory):
        return NoSpace()
    if error.sqlstate and error.sqlstate.startswith("CM"):
        return error
    log.failure("postgres", error)
    return Unavailable()


def _fail(waiting: _Waiting, error: Exception) -> None:
    if not waiting.answer.done():
        waiting.answer.set_exception(error)
