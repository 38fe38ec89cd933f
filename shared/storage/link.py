"""A connection to Postgres that answers one statement after the other, by the shortest way through libpq.

Strategy: psycopg connects, speaks to libpq and reads rows; between them this class does what its cursor would do for
any statement whatever: our statements are few, so each is prepared and its types asked for once, and the socket is
watched for as long as the connection lives instead of anew for every wait. That also tells at once when an idle
connection is closed. A statement with parameters of rare types, or with text results, goes through psycopg's cursor.
"""

import asyncio
import re
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import pq
from psycopg.adapt import Transformer
from psycopg.errors import error_from_result
from psycopg.pq.abc import PGresult

from shared.storage.binary import Encode, NotEncoded, encoder

Row = tuple[Any, ...]

_PLACEHOLDER = re.compile(rb"%(.)", re.DOTALL)
_STALE = {"0A000", "26000"}  # a migration has changed what was prepared; it is not there: nothing was done


@dataclass(frozen=True, slots=True)
class _Prepared:
    name: bytes
    encoders: tuple[Encode, ...]
    formats: tuple[int, ...]

    def encoded(self, parameters: Sequence[Any]) -> list[bytes | None]:
        pairs = zip(self.encoders, parameters, strict=True)
        try:
            return [None if value is None else encode(value) for encode, value in pairs]
        except (struct.error, OverflowError, TypeError, UnicodeEncodeError) as error:
            raise psycopg.DataError("a value that its type cannot hold") from error


class Link:
    """One statement at a time; `on_lost` is called when the server closes the connection while it is idle."""

    def __init__(self, connection: psycopg.AsyncConnection[Row], on_lost: Callable[[], None]) -> None:
        self._connection = connection
        self._libpq = connection.pgconn
        self._socket = connection.fileno()
        self._on_lost = on_lost
        self._loop = asyncio.get_running_loop()
        self._rows = Transformer(connection)
        self._prepared: dict[bytes | str, _Prepared | None] = {}  # None: by psycopg's cursor
        self._count = 0
        self._is_watching = self._is_writing = False
        self._results: list[PGresult] = []
        self._answer: asyncio.Future[None] | None = None
        self._watch()

    @property
    def is_closed(self) -> bool:
        return self._connection.closed

    async def close(self) -> None:
        self._watch_no_more()
        await self._connection.close()

    async def execute(
        self, statement: bytes | str, parameters: Sequence[Any] = (), *, binary: bool = False
    ) -> list[Row]:
        """Run a statement with `%b` placeholders (`binary`) or psycopg's others; return its rows; raise psycopg.Error.

        A list is an array, None is NULL.
        """
        if not binary:
            return await self._by_cursor(statement, parameters, binary=False)
        try:
            return await self._by_name(statement, parameters)
        except psycopg.Error as error:
            if error.sqlstate not in _STALE:
                raise
        self._prepared.pop(statement, None)  # nor is it there where preparing it is what failed
        return await self._by_name(statement, parameters)

    async def _by_name(self, statement: bytes | str, parameters: Sequence[Any]) -> list[Row]:
        if statement not in self._prepared:
            self._prepared[statement] = await self._prepare(statement)
        prepared = self._prepared[statement]
        if prepared is None:
            return await self._by_cursor(statement, parameters, binary=True)
        self._libpq.send_query_prepared(prepared.name, prepared.encoded(parameters), prepared.formats, result_format=1)
        result = await self._answered()
        self._rows.set_pgresult(result)
        try:
            return self._rows.load_rows(0, result.ntuples, tuple)
        finally:
            self._rows.set_pgresult(None)  # it may hold megabytes

    async def _prepare(self, statement: bytes | str) -> _Prepared | None:
        numbered = _numbered(statement if isinstance(statement, bytes) else statement.encode())
        if numbered is None:
            return None
        self._count += 1
        name = b"s%d" % self._count
        self._libpq.send_prepare(name, numbered)
        await self._answered()
        self._libpq.send_describe_prepared(name)
        described = await self._answered()
        try:
            encoders = tuple(encoder(described.param_type(at)) for at in range(described.nparams))
        except NotEncoded:
            return None
        return _Prepared(name, encoders, (1,) * len(encoders))

    async def _by_cursor(self, statement: bytes | str, parameters: Sequence[Any], *, binary: bool) -> list[Row]:
        self._watch_no_more()  # the cursor watches the socket itself
        try:
            cursor = await self._connection.execute(statement, parameters or None, binary=binary)
            return await cursor.fetchall() if cursor.description else []
        finally:
            if not self._connection.closed:
                self._watch()

    async def _answered(self) -> PGresult:
        """Send what libpq holds, and return the answer; raise what Postgres raised."""
        self._results.clear()
        self._answer = self._loop.create_future()
        try:
            self._writable()
            await self._answer
        finally:
            self._answer = None
        result = self._results.pop()
        if result.status == pq.ExecStatus.FATAL_ERROR:
            raise error_from_result(result)
        return result

    def _writable(self) -> None:
        try:
            has_more = self._libpq.flush()  # the socket did not take all of a large body
        except psycopg.Error as error:
            self._lose(error)
            return
        if has_more:
            self._loop.add_writer(self._socket, self._writable)
        elif self._is_writing:
            self._loop.remove_writer(self._socket)
        self._is_writing = bool(has_more)

    def _readable(self) -> None:
        libpq, answer = self._libpq, self._answer
        try:
            libpq.consume_input()
            if answer is None or answer.done():
                return
            while not libpq.is_busy():
                result = libpq.get_result()
                if result is None:
                    answer.set_result(None)
                    return
                self._results.append(result)
        except psycopg.Error as error:
            self._lose(error)

    def _lose(self, error: psycopg.Error) -> None:
        self._watch_no_more()
        self._libpq.finish()
        if self._answer is None:
            self._on_lost()
        elif not self._answer.done():
            self._answer.set_exception(error)

    def _watch(self) -> None:
        self._is_watching = True
        self._loop.add_reader(self._socket, self._readable)

    def _watch_no_more(self) -> None:
        # Once only: after libpq has closed it, the descriptor's number may be a client's.
        if self._is_watching:
            self._loop.remove_reader(self._socket)
        if self._is_writing:
            self._loop.remove_writer(self._socket)
        self._is_watching = self._is_writing = False


def _numbered(statement: bytes) -> bytes | None:
    """Return a statement whose placeholders are $1, $2, … in place of %b; None if it has others."""
    kinds = [found[1] for found in _PLACEHOLDER.finditer(statement)]
    if set(kinds) - {b"b", b"%"}:
        return None
    numbers = iter(range(1, len(kinds) + 1))
    return _PLACEHOLDER.sub(lambda found: b"%" if found[1] == b"%" else b"$%d" % next(numbers), statement)
