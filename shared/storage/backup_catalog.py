"""What a backup is made of: every table and every sequence of the schema, as the database itself tells its owner.

Asked of the catalog and never listed here, so that the tables of a later migration are in it by themselves.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from graphlib import TopologicalSorter
from typing import Any

import psycopg
from psycopg import sql

from shared.storage.backup_format import BadBackup, Sequence, Table
from shared.storage.errors import Unavailable

Connection = psycopg.Connection[tuple[Any, ...]]

COLUMNS = """
SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod)
FROM pg_class c LEFT JOIN pg_attribute a
    ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
WHERE c.relnamespace = 'chatmail'::regnamespace AND c.relkind = 'r' ORDER BY c.relname, a.attnum
"""
REFERENCES = """
SELECT f.relname, t.relname FROM pg_constraint k
JOIN pg_class f ON f.oid = k.conrelid JOIN pg_class t ON t.oid = k.confrelid
WHERE k.contype = 'f' AND k.connamespace = 'chatmail'::regnamespace AND k.conrelid <> k.confrelid
"""
SEQUENCES = "SELECT sequencename, last_value FROM pg_sequences WHERE schemaname = 'chatmail' ORDER BY sequencename"
HAS_SCHEMA = "SELECT to_regclass('chatmail.migration') IS NOT NULL"
MIGRATIONS = "SELECT name FROM chatmail.migration ORDER BY name"

CONNECT_SECONDS = 10


class NotAllowed(Exception):
    """The database does not let us do that, or not now; the text says why, to the operator."""


class NotOwner(NotAllowed):
    """The role is not the owner of the database."""


@contextmanager
def connected(url: str, *, autocommit: bool) -> Iterator[Connection]:
    """Connect as the owner; raise Unavailable, NotAllowed, or BadBackup where what was loaded is refused."""
    try:
        with psycopg.connect(url, autocommit=autocommit, connect_timeout=CONNECT_SECONDS) as connection:
            yield connection
    except psycopg.errors.InsufficientPrivilege:
        raise NotOwner("only the owner of the database may do this") from None
    except psycopg.errors.DiskFull:
        raise NotAllowed("the disk of the database is full") from None
    except psycopg.OperationalError as error:
        raise Unavailable from error
    except psycopg.Error as error:  # our own statements are the same each time: it is the rows
        raise BadBackup(f"the database does not take it: {type(error).__name__}") from error


def tables(connection: Connection) -> list[Table]:
    """Return the tables, each after those it refers to."""
    columns: dict[str, list[tuple[str, str]]] = {}
    for table, column, kind in connection.execute(COLUMNS):
        columns.setdefault(table, []).extend([(column, kind)] if column else [])
    order = TopologicalSorter[str](dict.fromkeys(columns, ()))
    for table, wanted in connection.execute(REFERENCES):
        order.add(table, wanted)
    return [Table(name=name, columns=tuple(columns[name])) for name in order.static_order()]


def sequences(connection: Connection) -> list[Sequence]:
    """Return the sequences with the value each gave last."""
    return [Sequence(name=name, value=value) for name, value in connection.execute(SEQUENCES)]


def migrations(connection: Connection) -> list[str]:
    """Return the migrations this database has seen; none of an empty one."""
    if connection.execute(HAS_SCHEMA).fetchone() != (True,):
        return []
    return [name for (name,) in connection.execute(MIGRATIONS)]


def named(table: str) -> sql.Composable:
    return sql.Identifier("chatmail", table)


def copied(table: Table) -> sql.Composable:
    """Return the table with its columns, as COPY wants them."""
    return sql.SQL("{} ({})").format(named(table.name), _listed(name for name, _ in table.columns))


def _listed(names: Iterable[str]) -> sql.Composable:
    return sql.SQL(", ").join(map(sql.Identifier, names))
