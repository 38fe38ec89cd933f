"""Load a backup into a database, as its owner: all of it or nothing.

Strategy: one transaction drops the schema, makes it anew as the backup's version had it, copies the rows in, and
brings it up to today's, as any migration would. Whatever fails, or is found false at the end of the stream, takes all
of that back. Then what the world may have seen after the backup was taken is stepped over: UIDs, modseqs, ids and
UIDVALIDITY. No service may be connected: one that knew the old rows would answer from memory.
"""

from collections.abc import Callable, Iterator
from typing import Any

from psycopg import sql

from shared.storage import backup_catalog as catalog
from shared.storage import migrate
from shared.storage.backup import Copied, Progress
from shared.storage.backup_catalog import Connection, NotAllowed
from shared.storage.backup_format import BadBackup, End, Reader, Sequence, Table

# A mailbox that takes one message a second comes so far in eleven days; and it leaves room for 4000 restores.
MARGIN = 1_000_000

BringUp = Callable[[Connection], object]

TRY_LOCK = "SELECT pg_try_advisory_xact_lock(%s)"
LOOK_ANEW = "SELECT pg_stat_clear_snapshot()"  # a transaction sees the activity of its first look otherwise
CONNECTED = """
SELECT DISTINCT usename FROM pg_stat_activity
WHERE datname = current_database() AND usename = ANY (%s) AND pid <> pg_backend_pid() ORDER BY usename
"""
IN_USE = "SELECT EXISTS (SELECT FROM chatmail.account) OR EXISTS (SELECT FROM chatmail.message)"
DROP = "DROP SCHEMA IF EXISTS chatmail CASCADE"
EMPTY = sql.SQL("TRUNCATE {}")  # a migration may put rows in, and these are in the backup, too
# FREEZE: nobody can see these rows before they are committed, and so nobody has to go through them again later.
COPY = sql.SQL("COPY {} FROM STDIN (FORMAT BINARY, FREEZE)")
ADVANCE = """
SELECT setval(s.seqrelid::regclass, least(coalesce(%s, 0) + %s, s.seqmax)) FROM pg_sequence s
WHERE s.seqrelid = to_regclass(format('chatmail.%%I', %s::text))
"""
# A UID is never beyond 2^32-1 (RFC 3501 §2.3.1.1), and a mailbox must still be able to take mail.
RAISE = """
UPDATE chatmail.mailbox SET modseq = modseq + %(margin)s,
    uidnext = greatest(uidnext, least(uidnext + %(margin)s, 4294967295 - %(margin)s))
"""
# No worker of that time lives: what it held is due again, and nothing counts as lost.
RELEASE = (
    "DELETE FROM chatmail.worker",
    "UPDATE chatmail.destination SET worker = NULL WHERE worker IS NOT NULL",
    "UPDATE chatmail.outbox SET worker = NULL WHERE worker IS NOT NULL",
)
# Nobody could log in to this state since it was taken: an account must not end for that, and its address be free.
SPARE = "UPDATE chatmail.last_login SET day = day + greatest(0, current_date - %s::date)"
ANALYZE = sql.SQL("ANALYZE {}")


def restore(url: str, reader: Reader, bring_up: BringUp, *, may_replace: bool, progress: Progress) -> Copied:
    """Make the database at `url` (its owner's) what the backup says; `bring_up` makes a schema today's.

    Raise BadBackup, NotAllowed (services are connected; there are accounts or mail and `may_replace` is false), or
    Unavailable; nothing has changed then.
    """
    with catalog.connected(url, autocommit=False) as connection:
        _require_lock(connection)
        _require_nobody(connection)
        _require_room(connection, may_replace=may_replace)
        _make_schema(connection, reader.header.migrations)
        rows = _load(connection, reader, progress)
        bring_up(connection)
        _step_over(connection, reader)
        _require_nobody(connection)  # again: one that came meanwhile may have read what was there before
    return Copied(rows, reader.octets, reader.header.taken)


def _require_lock(connection: Connection) -> None:
    if connection.execute(TRY_LOCK, (migrate.LOCK,)).fetchone() != (True,):
        raise NotAllowed("a migration, a backup or another restore is running; try again when it has ended")


def _require_nobody(connection: Connection) -> None:
    connection.execute(LOOK_ANEW)
    connected = [name for (name,) in connection.execute(CONNECTED, (list(migrate.ROLES),))]
    if connected:
        raise NotAllowed(f"the suite must be stopped first; still connected: {', '.join(connected)}")


def _require_room(connection: Connection, *, may_replace: bool) -> None:
    seen = catalog.migrations(connection)
    if unknown := _unknown(seen):
        raise NotAllowed(f"this database belongs to a newer version: it has seen {unknown}")
    if seen and not may_replace and connection.execute(IN_USE).fetchone() == (True,):
        raise NotAllowed("there are accounts or mail in this database; --replace puts the backup in their place")


def _make_schema(connection: Connection, names: tuple[str, ...]) -> None:
    if unknown := _unknown(names):
        raise BadBackup(f"the backup was made by a newer version: it has seen {unknown}")
    if not names:
        raise BadBackup("the backup names no migrations")
    connection.execute(DROP)
    for path in migrate.migrations():
        if path.name in names:
            migrate.run_file(connection, path)
    tables = [catalog.named(table.name) for table in catalog.tables(connection)]
    connection.execute(EMPTY.format(sql.SQL(", ").join(tables)))


def _unknown(names: list[str] | tuple[str, ...]) -> str:
    unknown = sorted(set(names) - {path.name for path in migrate.migrations()})
    return ", ".join(repr(name[:80]) for name in unknown[:5])


def _load(connection: Connection, reader: Reader, progress: Progress) -> dict[str, int]:
    loading = _Loading(connection, reader, progress)
    rows = loading.run()
    if catalog.migrations(connection) != sorted(reader.header.migrations):
        raise BadBackup("the backup contradicts itself about its migrations")
    return rows


class _Loading:
    """Takes the entries of a backup in their order; refuses what the schema does not ask for."""

    def __init__(self, connection: Connection, reader: Reader, progress: Progress) -> None:
        self._connection = connection
        self._reader = reader
        self._progress = progress
        self._tables = {table.name: table for table in catalog.tables(connection)}
        self._sequences = {sequence.name for sequence in catalog.sequences(connection)}
        self._rows: dict[str, int] = {}

    def run(self) -> dict[str, int]:
        entries = self._reader.entries()
        entry = next(entries)
        while not isinstance(entry, End):
            if isinstance(entry, Table):
                entry = self._table(entry, entries)
            else:
                self._sequence(entry)
                entry = next(entries)
        if entry.rows != self._rows or self._sequences or set(self._rows) != set(self._tables):
            raise BadBackup("the backup is not complete")
        return self._rows

    def _table(self, table: Table, entries: Iterator[Any]) -> Any:
        """Load a table and return the entry after it."""
        if self._tables.get(table.name) != table or table.name in self._rows:
            raise BadBackup(f"the backup's table {table.name[:63]!r} is not as its version had it")
        with self._connection.cursor() as cursor:
            with cursor.copy(COPY.format(catalog.copied(table))) as copy:
                while isinstance(entry := next(entries), bytes):
                    copy.write(entry)
                    self._progress(table.name, self._reader.octets)
            self._rows[table.name] = cursor.rowcount
        return entry

    def _sequence(self, entry: object) -> None:
        if not isinstance(entry, Sequence) or entry.name not in self._sequences:
            raise BadBackup("the backup has a sequence that its version had not")
        self._sequences.remove(entry.name)
        self._connection.execute(ADVANCE, (entry.value, MARGIN, entry.name))


def _step_over(connection: Connection, reader: Reader) -> None:
    connection.execute(RAISE, {"margin": MARGIN})
    for statement in RELEASE:
        connection.execute(statement)
    connection.execute(SPARE, (reader.header.taken,))
    for table in catalog.tables(connection):
        connection.execute(ANALYZE.format(catalog.named(table.name)))
