"""The open connections of one destination: kept between letters, and opened with thrift.

Strategy: opening a connection costs as much as two letters, most of it the TLS handshake, and hundreds of destinations
with a few letters each are what a server's mail looks like. So a letter that finds all connections in use waits a
moment for one of them rather than opening another, unless those that are open have earned their keep. A slow remote
has its further connections a moment later, one with much mail has them at once.
"""

import asyncio
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from queue_worker.transport import mxdeliv
from queue_worker.transport.mxdeliv import Door
from queue_worker.transport.values import Letter, Result

MAX_USES = 100
TURN_SECONDS = 0.01
TURNS = 20  # what a moment is: turns of the loop, for a busy one does no more in more time
FIRST_TURNS = 100  # for the first connection, which needs the DNS as well
KEEP = 8  # letters each open connection must have carried before another one is opened without waiting


class Connection(Protocol):
    """An open way to a host, whichever."""

    host: str
    idle_seconds: float

    @property
    def is_open(self) -> bool: ...

    async def send(self, letter: Letter) -> list[Result]: ...

    def close(self) -> None: ...

    @property
    def is_gone(self) -> bool: ...

    async def closed(self) -> None: ...


class Kept:
    """A connection, and how many letters it has carried."""

    __slots__ = ("connection", "timer", "uses")

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.uses = 0
        self.timer: asyncio.TimerHandle | None = None


class Connections:
    """See the module's text. Who carries a letter does so `in_use`, whether over a kept connection or a new one."""

    def __init__(self) -> None:
        self._free: list[Kept] = []
        self._leaving: list[Connection] = []
        self._line: deque[asyncio.Future[None]] = deque()
        self._in_use = 0
        self._uses = 0  # of all that are open
        self._is_closing = False

    async def soon(self, letter: Letter) -> Kept | None:
        """Return a connection for a letter, None if a new one is to be opened; that may take a moment to know."""
        kept, turns = self.take(letter), self._patience
        while not kept and turns and not self._may_grow:
            were_used = self._uses
            await self._turn()
            kept = self.take(letter)
            turns = turns - 1 if were_used or not self._uses else self._patience
        return kept

    def take(self, letter: Letter) -> Kept | None:
        """Return the connection used last that is still good for this letter."""
        for kept in self._free[::-1]:
            if isinstance(kept.connection, Door) and not mxdeliv.fits(letter):
                continue
            self._forget(kept)
            if kept.connection.is_open:
                return kept
            self.let_go(kept)
        return None

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """While a letter is on its way; then whoever waits longest has a look."""
        self._in_use += 1
        try:
            yield
        finally:
            self._in_use -= 1
            self._call_next()

    def keep(self, kept: Kept) -> None:
        """Keep a connection that has carried a letter, unless it is worn out."""
        kept.uses += 1
        self._uses += 1
        connection = kept.connection
        if self._is_closing or kept.uses >= MAX_USES or not connection.is_open:
            self.let_go(kept)
            return
        kept.timer = asyncio.get_running_loop().call_later(connection.idle_seconds, self._grow_stale, kept)
        self._free.append(kept)

    def let_go(self, kept: Kept) -> None:
        """Close a connection that is not kept."""
        self._uses -= kept.uses
        kept.connection.close()
        self._leaving = [leaving for leaving in (*self._leaving, kept.connection) if not leaving.is_gone]

    def make_room(self) -> None:
        """Close a connection that was good for nothing just now: it counts as well."""
        if self._free:
            self._grow_stale(self._free[0])

    async def close(self) -> None:
        """Close all that are kept; those in use are closed when their letter is done."""
        self._is_closing = True
        for kept in tuple(self._free):
            self._grow_stale(kept)
        await asyncio.gather(*(connection.closed() for connection in self._leaving))

    @property
    def _may_grow(self) -> bool:
        return self._uses >= KEEP * self._in_use

    @property
    def _patience(self) -> int:
        return TURNS if self._uses else FIRST_TURNS

    async def _turn(self) -> None:
        """Wait until somebody is done, or for TURN_SECONDS: longer where the loop itself is busy."""
        loop = asyncio.get_running_loop()
        turn = loop.create_future()
        timer = loop.call_later(TURN_SECONDS, _end, turn)
        self._line.append(turn)
        try:
            await turn
        finally:
            timer.cancel()
            self._line.remove(turn)

    def _call_next(self) -> None:
        for turn in self._line:
            if not turn.done():
                return turn.set_result(None)

    def _grow_stale(self, kept: Kept) -> None:
        self._forget(kept)
        self.let_go(kept)

    def _forget(self, kept: Kept) -> None:
        self._free.remove(kept)
        if kept.timer:
            kept.timer.cancel()


def _end(turn: asyncio.Future[None]) -> None:
    if not turn.done():
        turn.set_result(None)
