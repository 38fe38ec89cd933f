"""Every process of Postgres dies at one instant, with nothing written but what commits wrote: a 250 must hold.

The control commits the same statement with synchronous_commit=off at the same moment, and must lose it.
"""

import hashlib

import psycopg

from tests.faults import servers
from tests.faults.clients import Reader, Sender, are_open, make_account, message
from tests.suite import Suite

DELIVER = """
SELECT outcome FROM chatmail.deliver(
    ARRAY[(SELECT b.id FROM chatmail.mailbox b JOIN chatmail.account a ON a.id = b.account_id WHERE a.address = %s)],
    ARRAY[1], ARRAY[%s::bytea], ARRAY[%s::int], ARRAY[%s::bytea], 1000000000)
"""


def test_accepted_mail_outlives_postgres(suite: Suite, user: str) -> None:
    to = make_account(suite, user)
    with Sender(suite, user) as sender:
        assert sender.log_in() == 235
        with servers.no_housework(suite):
            for number in range(1, 11):
                assert sender.send([to], message(to, f"kept.{number}")) == 250
            servers.kill_all_of_postgres(suite)
    servers.wait(lambda: are_open(suite), "not open again")
    with Reader(suite, user) as reader:
        reader.select()
        assert [name for _, name in reader.fetch()] == [f"kept.{number}" for number in range(1, 11)]


def test_control_without_synchronous_commit(suite: Suite, user: str) -> None:
    to = make_account(suite, user)
    with psycopg.connect(suite.owner_url, autocommit=True) as connection, servers.no_housework(suite):
        connection.execute("SET synchronous_commit = on")
        assert _deliver(connection, to, "kept.1") == 0
        connection.execute("SET synchronous_commit = off")
        assert _deliver(connection, to, "lost.2") == 0
        assert servers.count_messages(suite, to) == 2
        servers.kill_all_of_postgres(suite)
    servers.wait(lambda: are_open(suite), "not open again")
    with Reader(suite, user) as reader:
        reader.select()
        assert [name for _, name in reader.fetch()] == ["kept.1"]


def _deliver(connection: "psycopg.Connection[tuple[int]]", to: str, name: str) -> int:
    octets = message(to, name)
    header_size = octets.index(b"\r\n\r\n") + 4
    row = connection.execute(DELIVER, (to, octets, header_size, hashlib.sha256(octets).digest())).fetchone()
    assert row
    return row[0]
