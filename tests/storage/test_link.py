"""A connection by the short way: what it sends and brings, what it leaves to psycopg, how it ends."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import psycopg
import pytest

from shared.storage.link import Link


class World:
    def __init__(self, connection: psycopg.AsyncConnection[tuple[Any, ...]]) -> None:
        self.connection = connection
        self.is_lost = asyncio.Event()
        self.link = Link(connection, self.is_lost.set)


@pytest.fixture
async def world(database_urls: dict[str, str]) -> AsyncIterator[World]:
    url = database_urls["postgres"]
    found = World(await psycopg.AsyncConnection.connect(url, autocommit=True, prepare_threshold=1))
    yield found
    await found.link.close()


async def test_rows_come_back_as_they_went(world: World) -> None:
    rows = await world.link.execute(
        b"SELECT a, b, c, d, %b::float8, 5 %% 3 FROM unnest(%b::bigint[], %b::text[], %b::bytea[], %b::bool[])"
        b" q(a, b, c, d)",
        (1.5, [1, None, -3], ["a", "ä", None], [b"", b"\0", None], [True, None, False]),
        binary=True,
    )
    assert rows == [(1, "a", b"", True, 1.5, 2), (None, "ä", b"\0", None, 1.5, 2), (-3, None, None, False, 1.5, 2)]


@pytest.mark.parametrize("octets", [0, 1, 100_000, 3_000_000])
async def test_what_is_larger_than_the_socket_goes_and_comes_whole(world: World, octets: int) -> None:
    bodies = [bytes([number]) * octets for number in range(3)]
    rows = await world.link.execute(b"SELECT unnest(%b::bytea[])", (bodies,), binary=True)
    assert [row[0] for row in rows] == bodies


async def test_an_error_is_psycopgs_and_the_connection_goes_on(world: World) -> None:
    for _ in range(3):
        with pytest.raises(psycopg.errors.DivisionByZero):
            await world.link.execute(b"SELECT 1 / %b::int", (0,), binary=True)
        assert await world.link.execute(b"SELECT 1 / %b::int", (1,), binary=True) == [(1,)]
    with pytest.raises(psycopg.errors.UndefinedTable):
        await world.link.execute(b"SELECT FROM nowhere WHERE 1 = %b::int", (1,), binary=True)


@pytest.mark.parametrize("value", [2**63, -(2**63) - 1])
async def test_what_its_type_cannot_hold_is_an_error_of_that_statement(world: World, value: int) -> None:
    for parameter in (value, [1, value]):
        kind = b"bigint[]" if isinstance(parameter, list) else b"bigint"
        with pytest.raises(psycopg.DataError):
            await world.link.execute(b"SELECT %b::" + kind, (parameter,), binary=True)
    with pytest.raises(psycopg.DataError):
        await world.link.execute(b"SELECT %b::text", ("\udcff",), binary=True)
    assert await world.link.execute(b"SELECT %b::bigint", (1,), binary=True) == [(1,)]


async def test_rare_types_text_and_no_parameters_go_by_psycopgs_cursor(world: World) -> None:
    assert await world.link.execute(b"SELECT %b::numeric > 1", (2,), binary=True) == [(True,)]
    assert await world.link.execute("SELECT %s || '!'", ("a",)) == [("a!",)]
    assert await world.link.execute("SELECT '5%'") == [("5%",)]
    assert await world.link.execute("SET search_path TO DEFAULT") == []
    assert await world.link.execute(b"SELECT %b::int", (7,), binary=True) == [(7,)], "the socket is watched again"


async def test_what_cannot_be_prepared_says_so(world: World) -> None:
    with pytest.raises(psycopg.errors.FeatureNotSupported):
        await world.link.execute(b"SELECT count(*) + %b::int FROM pg_class FOR UPDATE", (1,), binary=True)
    assert await world.link.execute(b"SELECT %b::int", (1,), binary=True) == [(1,)]


async def test_what_a_migration_changed_is_prepared_anew(world: World, database_urls: dict[str, str]) -> None:
    execute = world.link.execute
    await execute("CREATE FUNCTION two() RETURNS TABLE (a int) LANGUAGE sql AS 'SELECT 1'")
    question = b"SELECT * FROM two() WHERE 1 = %b::int"
    assert await execute(question, (1,), binary=True) == [(1,)]
    await execute("DROP FUNCTION two()")
    await execute("CREATE FUNCTION two() RETURNS TABLE (a int, b int) LANGUAGE sql AS 'SELECT 1, 2'")
    assert await execute(question, (1,), binary=True) == [(1, 2)]


async def test_an_idle_connection_that_the_server_ends_is_noticed_at_once(
    world: World, database_urls: dict[str, str]
) -> None:
    await world.link.execute(b"SELECT %b::int", (1,), binary=True)
    async with await psycopg.AsyncConnection.connect(database_urls["postgres"], autocommit=True) as other:
        await other.execute("SELECT pg_terminate_backend(%s)", (world.connection.info.backend_pid,))
    await asyncio.wait_for(world.is_lost.wait(), 10)
    assert world.link.is_closed


@pytest.mark.parametrize("binary", [True, False], ids=["short way", "cursor"])
async def test_a_connection_that_ends_amid_a_statement_raises(
    world: World, database_urls: dict[str, str], *, binary: bool
) -> None:
    statement = b"SELECT pg_sleep(%b::float8)" if binary else b"SELECT pg_sleep(60)"
    asked = asyncio.ensure_future(world.link.execute(statement, (60.0,) if binary else (), binary=binary))
    async with await psycopg.AsyncConnection.connect(database_urls["postgres"], autocommit=True) as other:
        state = "SELECT count(*) FROM pg_stat_activity WHERE pid = %s AND wait_event = 'PgSleep'"
        while (await (await other.execute(state, (world.connection.info.backend_pid,))).fetchone()) != (1,):
            await asyncio.sleep(0.01)
        await other.execute("SELECT pg_terminate_backend(%s)", (world.connection.info.backend_pid,))
        with pytest.raises(psycopg.OperationalError):
            await asked
    assert world.link.is_closed
