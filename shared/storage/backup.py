"""Read a running suite's whole database into one stream, as its owner.

Strategy: everything is read in one snapshot (REPEATABLE READ, READ ONLY), so that the suite goes on working and the
backup is the database of one moment: every body has its holders, every mailbox its UIDs. Sequences know no snapshots;
they are read after it was taken, and are therefore never behind a row in it. Rows come as COPY gives them, and are
passed on a megabyte at a time. No program of Postgres is needed, and its version does not matter: the binary form of
the types used here is the same in all of them.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import psycopg
from psycopg import sql

from shared.storage import backup_catalog as catalog
from shared.storage.backup_catalog import Connection, NotAllowed
from shared.storage.backup_format import Header, Table, Writer
from shared.storage.migrate import LOCK

# Migrations wait for it, before they lock any table: a service must never stand behind a backup.
HOLD = "SELECT pg_advisory_lock_shared(%s)"
TAKEN = "SELECT now()"
COPY = sql.SQL("COPY {} TO STDOUT (FORMAT BINARY)")

Progress = Callable[[str, int], object]  # the table under way, and the octets of the backup so far


@dataclass(frozen=True, slots=True)
class Copied:
    """What a backup holds: rows by table, octets of the stream, the moment it shows."""

    rows: dict[str, int]
    octets: int
    taken: datetime


@dataclass(frozen=True, slots=True)
class About:
    """Whose backup it is."""

    domain: str
    local_domains: tuple[str, ...] = ()
    hostname: str = ""


def backup(url: str, about: About, write: Callable[[bytes], object], progress: Progress) -> Copied:
    """Hand the backup of the database at `url` (its owner's) to `write`, piece by piece.

    Raise Unavailable where the database is away, NotAllowed where the role may not read all of it.
    """
    with catalog.connected(url, autocommit=True) as connection:
        connection.execute(HOLD, (LOCK,))
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        connection.read_only = True
        with connection.transaction():
            return _copy_all(connection, about, write, progress)


def _copy_all(connection: Connection, about: About, write: Callable[[bytes], object], progress: Progress) -> Copied:
    row = connection.execute(TAKEN).fetchone()
    assert row
    header = Header(
        migrations=tuple(catalog.migrations(connection)),
        taken=row[0],
        domain=about.domain,
        local_domains=about.local_domains,
        hostname=about.hostname,
    )
    if not header.migrations:
        raise NotAllowed("there is no suite in this database")
    writer = Writer(write, header)
    rows = {}
    for table in catalog.tables(connection):
        rows[table.name] = _copy(connection, table, writer, progress)
    for sequence in catalog.sequences(connection):
        writer.sequence(sequence)
    writer.end(rows)
    return Copied(rows, writer.octets, header.taken)


def _copy(connection: Connection, table: Table, writer: Writer, progress: Progress) -> int:
    writer.table(table)
    with connection.cursor() as cursor:
        with cursor.copy(COPY.format(catalog.copied(table))) as copy:
            for octets in copy:
                writer.rows(octets)
                progress(table.name, writer.octets)
        writer.end_table()
        return cursor.rowcount
