"""The schema and the migrations are equal, and each role may do its work and nothing else."""

from typing import Any

import psycopg
import pytest
from psycopg import errors, sql

from chatmail.embedded.postgres import OWNER, Postgres
from shared.settings import Settings
from shared.storage import migrate

DESCRIBE = """
SELECT c.table_name, c.column_name, c.data_type, c.is_nullable, c.column_default, k.reloptions::text
FROM information_schema.columns c JOIN pg_class k ON k.oid = ('chatmail.' || c.table_name)::regclass
WHERE c.table_schema = 'chatmail'
UNION ALL
SELECT conrelid::regclass::text, conname, contype::text, pg_get_constraintdef(oid), '', '' FROM pg_constraint
WHERE connamespace = 'chatmail'::regnamespace
UNION ALL
SELECT tablename, indexname, indexdef, '', '', '' FROM pg_indexes WHERE schemaname = 'chatmail'
UNION ALL
SELECT attrelid::regclass::text, attname, attstorage::text, '', '', '' FROM pg_attribute
WHERE attrelid = 'chatmail.body'::regclass AND attnum > 0
ORDER BY 1, 2, 3
"""


def test_migrations_lead_to_the_schema(postgres_server: Postgres) -> None:
    described = []
    for number, files in enumerate(([migrate.HERE / "schema.sql"], migrate.migrations())):
        name = f"schema_{number}"
        with psycopg.connect(postgres_server.url(OWNER, "postgres"), autocommit=True) as connection:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        with psycopg.connect(postgres_server.url(OWNER, name), autocommit=True) as connection:
            for path in files:
                connection.execute(path.read_bytes())
            described.append(connection.execute(DESCRIBE.encode()).fetchall())
    assert described[0]
    assert described[0] == described[1]


def test_migrating_again_changes_nothing(database_urls: dict[str, str]) -> None:
    with psycopg.connect(database_urls["postgres"], autocommit=True) as connection:
        before = connection.execute(b"SELECT login_key, certificate FROM chatmail.suite").fetchall()
        assert migrate.migrate(database_urls["postgres"], Settings(domain="example.org")) == []
        assert connection.execute(b"SELECT login_key, certificate FROM chatmail.suite").fetchall() == before


MAY = {
    "smtp_in": ["SELECT address FROM chatmail.account", "SELECT certificate FROM chatmail.suite"],
    "submission": ["SELECT password_hash FROM chatmail.account", "SELECT login_key FROM chatmail.suite"],
    "imap": ["SELECT data FROM chatmail.body", "SELECT chatmail.expunge('{}', '{}')"],
    "queue_worker": ["SELECT chatmail.expire_accounts(90, 1)", "SELECT chatmail.free_orphans()"],
    "register": ["SELECT chatmail.registration('open')", "SELECT certificate FROM chatmail.suite"],
    "operator": ["SELECT token FROM chatmail.token", "SELECT chatmail.operator_unban('nobody@example.org')"],
}

_WRITES = [
    "INSERT INTO chatmail.account (address, password_hash) VALUES ('x@example.org', 'x')",
    "UPDATE chatmail.mailbox SET uidnext = 1",
    "DELETE FROM chatmail.message",
    "UPDATE chatmail.suite SET registration = 'open'",
    "CREATE TABLE chatmail.mine ()",
    "CREATE TABLE public.mine ()",
    "SELECT chatmail.make_account('x@example.org', 'x')",
    "SELECT chatmail.remove_account(1)",
    "SELECT chatmail.remove_messages('{1}', '{1}', false)",
    "COPY chatmail.account TO PROGRAM 'true'",
]
_READS_MAIL = ["SELECT data FROM chatmail.body", "SELECT uid FROM chatmail.message"]
_DELIVERS = ["SELECT chatmail.deliver('{}', '{}', '{}', '{}', '{}', 1)"]
_MANAGES = ["SELECT chatmail.operator_delete_account('x@example.org')", "SELECT token FROM chatmail.token"]

MAY_NOT = {
    "smtp_in": [*_WRITES, *_READS_MAIL, *_MANAGES, *_DELIVERS, "SELECT password_hash FROM chatmail.account"],
    "submission": [*_WRITES, *_READS_MAIL, *_MANAGES, "SELECT chatmail.expunge('{}', '{}')"],
    "imap": [*_WRITES, *_MANAGES, *_DELIVERS, "SELECT chatmail.expire_accounts(90, 1)"],
    "queue_worker": [
        *_WRITES,
        *_READS_MAIL,
        *_MANAGES,
        *_DELIVERS,
        "SELECT address FROM chatmail.account",
        "SELECT certificate_key FROM chatmail.suite",
    ],
    "register": [
        *_WRITES,
        *_READS_MAIL,
        *_MANAGES,
        *_DELIVERS,
        "SELECT address FROM chatmail.account",
        "SELECT login_key FROM chatmail.suite",
        "SELECT chatmail.admit('a@example.org', 'x', 'open')",
    ],
    "operator": [
        *_WRITES,
        *_READS_MAIL,
        *_DELIVERS,
        "SELECT password_hash FROM chatmail.account",
        "SELECT certificate_key FROM chatmail.suite",
    ],
}


@pytest.mark.parametrize(("role", "statement"), [(role, text) for role, texts in MAY.items() for text in texts])
def test_a_role_may(database_urls: dict[str, str], role: str, statement: str) -> None:
    with psycopg.connect(database_urls[role], autocommit=True) as connection:
        connection.execute(statement.encode())


@pytest.mark.parametrize(("role", "statement"), [(role, text) for role, texts in MAY_NOT.items() for text in texts])
def test_a_role_may_not(database_urls: dict[str, str], role: str, statement: str) -> None:
    with (
        psycopg.connect(database_urls[role], autocommit=True) as connection,
        pytest.raises(errors.InsufficientPrivilege),
    ):
        connection.execute(statement.encode())


def test_every_role_is_held_to_something() -> None:
    assert set(MAY) == set(MAY_NOT) == set(migrate.ROLES)


def test_new_objects_are_closed_by_default(database_urls: dict[str, str]) -> None:
    statement = b"""
        SELECT p.proname FROM pg_proc p WHERE p.pronamespace = 'chatmail'::regnamespace
            AND has_function_privilege('public', p.oid, 'EXECUTE')"""
    with psycopg.connect(database_urls["postgres"]) as connection:
        rows: list[Any] = connection.execute(statement).fetchall()
    assert rows == []
