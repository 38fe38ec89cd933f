"""Backups in tests: a database with something in every table, and what stands in it afterwards."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any

import psycopg
from psycopg import sql

from chatmail.embedded.postgres import OWNER, Postgres
from shared.settings import Settings
from shared.storage import backup_catalog, migrate
from shared.storage.backup import About, Copied, backup
from shared.storage.backup_format import Reader
from shared.storage.restore import restore
from tests.storage.outbox_rig import Owner, born, letter, put

ABOUT = About("example.org", ("second.example.org",), "mail.example.org")
SETTINGS = Settings(domain="example.org", local_domains=["second.example.org"])
PLENTY = 1_000_000_000
_numbers = count(1)

# What our own functions do not fill by themselves, by table; a table of a later migration gets a row in `fill`.
ROWS = (
    "INSERT INTO chatmail.barred VALUES ('gone@example.org', 'banned', '2026-01-02')",
    "INSERT INTO chatmail.token VALUES ('abc', 3, '2027-01-01 00:00+02', 'für Änne \\x00', '2026-01-03')",
    "INSERT INTO chatmail.federation VALUES ('*', false, NULL, NULL, NULL), ('b.test', true, 'h.test', 26, 'any')",
    "INSERT INTO chatmail.sts_policy VALUES ('b.test', '1', '\\x00ff', now(), now() + interval '1 hour')",
    "INSERT INTO chatmail.tls_result VALUES (current_date, 'b.test', 'sts', 'successful', 5000000000)",
    "INSERT INTO chatmail.acme_account VALUES ('https://ca.test/directory', 'key')",
    "INSERT INTO chatmail.acme_challenge VALUES ('token', 'answer', now())",
    "INSERT INTO chatmail.acme_certificate (chain, private_key, names, not_before, not_after, directory)"
    " VALUES ('chain', 'key', ARRAY['a.test', 'b \"c\" NULL', ''], now(), 'infinity', 'd')",
    "INSERT INTO chatmail.alias VALUES ('info@example.org', 'someone@example.org')",
)


@contextmanager
def empty_database(server: Postgres) -> Iterator[str]:
    """A database with nothing in it; its owner's address."""
    name = f"empty_{next(_numbers)}"
    with psycopg.connect(server.url(OWNER, "postgres"), autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        try:
            yield server.url(OWNER, name)
        finally:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def fill(owner: Owner) -> None:
    """Put something into every table, by the functions that do so in earnest where there are any."""
    ann, ben = born(owner), born(owner)
    owner.execute(b"SELECT chatmail.set_push_tokens(ARRAY[%s::bigint], ARRAY['tok'::bytea], 5)", (ben.account_id,))
    put(owner, letter(ann, "x@b.test", "y@b.test", here=(ann.mailbox_id, ben.mailbox_id)))
    for number in range(5):
        put(
            owner,
            letter(None, here=(ben.mailbox_id,), salt=number, body=b"A: b\r\n\r\n" + bytes([number]) * 300_000),
            PLENTY,
        )
    put(owner, letter(ann, "z@c.test", salt="big", body=b"A: b\r\n\r\n" + b"x" * 3_000_000), PLENTY)
    owner.execute(b"SELECT chatmail.create_mailbox(%s, 'Work', NULL, 9)", (ben.account_id,))
    owner.execute(b"SELECT chatmail.subscribe(%s, 'Work', 9)", (ben.account_id,))
    owner.execute(b"SELECT chatmail.add_keywords(%s, ARRAY['Junk'])", (ben.mailbox_id,))
    flags = b"SELECT chatmail.mark(ARRAY[%s::bigint], ARRAY[2::bigint], ARRAY[41::bigint], ARRAY[0::bigint])"
    owner.execute(flags, (ben.mailbox_id,)).fetchall()
    owner.execute(b"SELECT chatmail.expunge(ARRAY[%s::bigint], ARRAY[2::bigint])", (ben.mailbox_id,)).fetchall()
    token = owner.execute(b"SELECT chatmail.worker_join(60)").fetchone()
    owner.execute(b"SELECT chatmail.lease(%s, NULL, 1, NULL)", token).fetchall()
    owner.execute(b"SELECT chatmail.claim(%s, d.id, 5, 9) FROM chatmail.destination d", token).fetchall()
    for statement in ROWS:
        owner.execute(statement.encode())


def contents(owner: Owner) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table, in an order of its own."""
    tables = [table.name for table in backup_catalog.tables(owner)]
    return {name: [row for (row,) in owner.execute(_rows(name))] for name in sorted(tables)}


def _rows(table: str) -> sql.Composable:
    return sql.SQL("SELECT t::text FROM {} t ORDER BY 1").format(backup_catalog.named(table))


def taken(url: str) -> bytes:
    """The backup of a database."""
    file = io.BytesIO()
    backup(url, ABOUT, file.write, lambda *_: None)
    return file.getvalue()


def restored(url: str, octets: bytes, *, may_replace: bool = False, settings: Settings = SETTINGS) -> Copied:
    """Restore a backup."""

    def bring_up(connection: backup_catalog.Connection) -> object:
        return migrate.bring_up(connection, settings)

    return restore(url, Reader(io.BytesIO(octets)), bring_up, may_replace=may_replace, progress=lambda *_: None)


def migrated(url: str, *, steps: int | None = None) -> None:
    """Bring a database to the schema of the first `steps` migrations, as the version of that time did."""
    with psycopg.connect(url) as connection:
        for path in migrate.migrations()[:steps]:
            migrate.run_file(connection, path)
            connection.execute("INSERT INTO chatmail.migration (name) VALUES (%s)", (path.name,))


def frames(octets: bytes) -> list[int]:
    """Where each frame of a backup begins, after its first line."""
    places, place = [], octets.index(b"\n") + 1
    while place < len(octets):
        places.append(place)
        place += 5 + int.from_bytes(octets[place + 1 : place + 5], "big")
    return places
