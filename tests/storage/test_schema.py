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


ACCEPT = "SELECT chatmail.accept('{}', '{}', '{}', '{}', '{}', 1, '{}', '{}', '{}', '{}', '{}', '{}')"
DELIVER = "SELECT chatmail.deliver('{}', '{}', '{}', '{}', '{}', 1)"
WORKS = [
    "SELECT chatmail.worker_join(1)",
    "SELECT chatmail.worker_stay(1, 1)",
    "SELECT chatmail.worker_leave(0)",
    "SELECT chatmail.lease(0, NULL, 1, NULL)",
    "SELECT chatmail.claim(0, 0, 1, 1)",
    "SELECT chatmail.claimed_body(0, 0)",
    "SELECT chatmail.sign('{}', '{}')",
    "SELECT chatmail.settle(0, '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}')",
    "SELECT chatmail.release(0, 0, 0, 0)",
    "SELECT chatmail.claim_expired(0, 0, 1)",
    "SELECT chatmail.late(0, 1)",
    "SELECT chatmail.warn(0, '', 0)",
    "SELECT chatmail.put_sts_policy('a.test', '1', '', 1)",
    "SELECT chatmail.count_tls('{}', '{}', '{}', '{}')",
    "SELECT chatmail.forget_destinations()",
    "SELECT chatmail.claim_pushes(1, 1, 1)",
    "SELECT chatmail.acme_begin(-1, 1, 1)",
    "SELECT chatmail.acme_stay(-1, 1)",
    "SELECT chatmail.acme_key('https://ca.test', 'x')",
    "SELECT chatmail.acme_offer(-1, '{}', '{}')",
    "SELECT chatmail.acme_issued(-1, '', '', '', '{}', now(), now())",
    "SELECT chatmail.acme_failed(-1, '', '{}', 1, '{}', 1)",
]
ARRANGES = [
    "SELECT chatmail.create_mailbox(-1, 'a', NULL, 1)",
    "SELECT chatmail.delete_mailbox(-1, 'a', 1)",
    "SELECT chatmail.rename_mailbox(-1, 'a', 'b', 1, 1, 1)",
    "SELECT chatmail.subscribe(-1, 'a', 1)",
    "SELECT chatmail.unsubscribe(-1, 'a')",
    "SELECT chatmail.add_keywords(-1, '{a}')",
    "SELECT chatmail.copy_messages(-1, '{1}', 'a', 1, false)",
    "SELECT chatmail.append_messages(-1, 'a', '{}', '{}', '{}', '{}', '{}', 1)",
    "SELECT chatmail.mark('{}', '{}', '{}', '{}')",
    "SELECT chatmail.change_flags('{}', '{}', '{}', '{}', '{}')",
    "SELECT name FROM chatmail.subscription",
]
_SHOWS = "SELECT chain, private_key FROM chatmail.acme_certificate"
_ANSWERS = "SELECT token FROM chatmail.acme_answers()"
_RENEWS = "SELECT chatmail.operator_renew_certificate()"

MAY = {
    "smtp_in": [
        "SELECT address FROM chatmail.account",
        "SELECT certificate FROM chatmail.suite",
        "SELECT target FROM chatmail.alias",
        "SELECT may_pass FROM chatmail.federation",
        ACCEPT,
        _SHOWS,
    ],
    "submission": [
        "SELECT password_hash FROM chatmail.account",
        "SELECT login_key FROM chatmail.suite",
        "SELECT may_pass FROM chatmail.federation",
        ACCEPT,
        DELIVER,
        _SHOWS,
    ],
    "imap": ["SELECT data FROM chatmail.body", "SELECT chatmail.expunge('{}', '{}')", *ARRANGES, _SHOWS],
    "queue_worker": [
        "SELECT chatmail.expire_accounts(90, 1)",
        "SELECT chatmail.free_orphans()",
        "SELECT private_key FROM chatmail.dkim_key",
        "SELECT policy FROM chatmail.sts_policy",
        "SELECT names FROM chatmail.acme_certificate",
        *WORKS,
    ],
    "register": ["SELECT chatmail.registration('open')", "SELECT certificate FROM chatmail.suite", _SHOWS, _ANSWERS],
    "operator": [
        "SELECT token FROM chatmail.token",
        "SELECT chatmail.operator_unban('nobody@example.org')",
        "SELECT names, not_after FROM chatmail.acme_certificate",
        "SELECT problem FROM chatmail.acme_state",
        _RENEWS,
    ],
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
    "UPDATE chatmail.outbox SET is_poison = false",
    "INSERT INTO chatmail.outbox_message (body_id) VALUES (1)",
    "DELETE FROM chatmail.destination",
    "UPDATE chatmail.worker SET alive_until = now()",
    "INSERT INTO chatmail.alias VALUES ('a@example.org', 'b@example.org')",
    "UPDATE chatmail.federation SET may_pass = true",
    "UPDATE chatmail.dkim_key SET private_key = ''",
    "SELECT chatmail.enqueue(1, false, 1, '', 1, 1, '', '', '{}', '{}')",
    "SELECT chatmail.drop_outbox('{1}')",
    "SELECT chatmail.put_report(1, '', 0)",
    "SELECT chatmail.hold_destinations('{a.test}')",
    "SELECT chatmail.give_up_workers(0)",
    "SELECT chatmail.due_destinations()",
    "SELECT chatmail.note_push('{1}')",
    "INSERT INTO chatmail.subscription VALUES (1, 'a')",
    "SELECT chatmail.lock_mailboxes(1)",
    "SELECT chatmail.make_mailboxes(1, 'a', 1)",
    "SELECT chatmail.hold_bodies(1, '{1}')",
    "UPDATE chatmail.acme_state SET next_at = now()",
    "INSERT INTO chatmail.acme_challenge VALUES ('a', 'b', now())",
    "DELETE FROM chatmail.acme_certificate",
    "SELECT private_key FROM chatmail.acme_account",
    "SELECT answer FROM chatmail.acme_challenge",
]
_SEES_OUTBOX = ["SELECT recipient FROM chatmail.outbox", "SELECT domain FROM chatmail.destination"]
_SIGNS = ["SELECT private_key FROM chatmail.dkim_key"]
_READS_MAIL = ["SELECT data FROM chatmail.body", "SELECT uid FROM chatmail.message", *ARRANGES]
_DELIVERS = [DELIVER, ACCEPT]
_MANAGES = ["SELECT chatmail.operator_delete_account('x@example.org')", "SELECT token FROM chatmail.token", _RENEWS]

MAY_NOT = {
    "smtp_in": [
        *_WRITES,
        *_READS_MAIL,
        *_MANAGES,
        *WORKS,
        *_SEES_OUTBOX,
        *_SIGNS,
        DELIVER,
        "SELECT password_hash FROM chatmail.account",
        "SELECT route_host FROM chatmail.federation",
    ],
    "submission": [
        *_WRITES,
        *_READS_MAIL,
        *_MANAGES,
        *WORKS,
        *_SEES_OUTBOX,
        *_SIGNS,
        "SELECT chatmail.expunge('{}', '{}')",
        "SELECT token FROM chatmail.push_token",
    ],
    "imap": [
        *_WRITES,
        *_MANAGES,
        *_DELIVERS,
        *WORKS,
        *_SEES_OUTBOX,
        *_SIGNS,
        "SELECT chatmail.expire_accounts(90, 1)",
    ],
    "queue_worker": [
        *_SEES_OUTBOX,
        "SELECT token FROM chatmail.push_token",
        "SELECT target FROM chatmail.alias",
        "SELECT sender FROM chatmail.outbox_message",
        *_WRITES,
        *_READS_MAIL,
        *_MANAGES,
        *_DELIVERS,
        "SELECT address FROM chatmail.account",
        "SELECT certificate_key FROM chatmail.suite",
        "SELECT private_key FROM chatmail.acme_certificate",
        _ANSWERS,
    ],
    "register": [
        *_WRITES,
        *_READS_MAIL,
        *_MANAGES,
        *_DELIVERS,
        *WORKS,
        *_SEES_OUTBOX,
        *_SIGNS,
        "SELECT address FROM chatmail.account",
        "SELECT login_key FROM chatmail.suite",
        "SELECT chatmail.admit('a@example.org', 'x', 'open')",
    ],
    "operator": [
        *_WRITES,
        *_READS_MAIL,
        *_DELIVERS,
        *WORKS,
        *_SIGNS,
        "SELECT password_hash FROM chatmail.account",
        "SELECT certificate_key FROM chatmail.suite",
        "SELECT private_key FROM chatmail.acme_certificate",
        _ANSWERS,
        "SELECT body_id FROM chatmail.outbox_message",
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
