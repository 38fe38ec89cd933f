"""`chatmail queue`: what waits is shown, tried again, given up."""

from collections.abc import Iterator
from itertools import count
from typing import Any

import psycopg
import pytest

from tests.unit.chatmail.commands.conftest import DOMAIN, Shell

Owner = psycopg.Connection[tuple[Any, ...]]
BODY = b"Message-ID: <1@localhost>\r\n\r\nciphertext\r\n"
_numbers = count(1)


@pytest.fixture
def owner(database_urls: dict[str, str]) -> Iterator[Owner]:
    """The owner of a database in which nothing waits."""
    with psycopg.connect(database_urls["postgres"], autocommit=True) as connection:
        for table in ("outbox", "outbox_message", "destination", "worker", "message"):
            connection.execute(f"DELETE FROM chatmail.{table}".encode())
        yield connection


@pytest.fixture
def waiting(shell: Shell, owner: Owner) -> int:
    """A message of alice's that waits for two at d.example and one at e.example, its number."""
    address = shell.json("accounts", "create")["address"]
    enqueue = b"""
        WITH stored AS (INSERT INTO chatmail.body (header_size, data) VALUES (27, %s) RETURNING id)
        SELECT s.id, b.id FROM stored s, chatmail.mailbox b JOIN chatmail.account a ON a.id = b.account_id
        WHERE a.address = %s"""
    row = owner.execute(enqueue, (BODY, address)).fetchone()
    assert row
    owner.execute(
        b"SELECT chatmail.enqueue(%s, false, 40, %s, 1000000, %s, %s, 'example.org', %s::text[], %s::text[])",
        (
            row[0],
            str(next(_numbers)).encode(),
            row[1],
            address,
            ["b@d.example", "c@d.example", "b@e.example"],
            ["d.example", "d.example", "e.example"],
        ),
    )
    found = owner.execute(b"SELECT max(id) FROM chatmail.outbox_message").fetchone()
    assert found
    return int(found[0])


def test_nothing_waits(shell: Shell, owner: Owner) -> None:
    assert shell.json("queue", "list") == []
    assert shell.run("queue", "list")[1] == "Nothing waits for other servers.\n"
    assert shell.run("queue", "list", "--domain", "d.example")[1] == "Nothing waits for d.example.\n"
    assert "no message 1" in shell.refused("queue", "show", "1")
    assert "nothing of that" in shell.refused("queue", "retry", "--all")
    assert "nothing of that" in shell.refused("queue", "drop", "1")


def test_what_waits_is_listed(shell: Shell, waiting: int, owner: Owner) -> None:
    owner.execute(b"UPDATE chatmail.outbox SET is_poison = true WHERE recipient = 'b@e.example'")
    first, second = sorted(shell.json("queue", "list"), key=lambda line: str(line["domain"]))
    assert (first["domain"], first["waiting"], first["poison"], first["failures"]) == ("d.example", 2, 0, 0)
    assert (second["domain"], second["waiting"], second["poison"], second["next_try"]) == ("e.example", 1, 1, None)
    (message,) = shell.json("queue", "list", "--domain", "D.Example")
    assert (message["id"], message["waiting"]) == (waiting, 2)
    status = shell.json("status")
    assert (status["outbox"], status["poison"]) == (3, 1)
    header, line = shell.run("queue", "list", "--domain", "d.example")[1].splitlines()
    assert header.split() == ["id", "accepted", "size", "sender", "waiting", "poison", "next_try"]
    assert line.split()[0] == str(waiting)


def test_a_message_is_shown_to_people_and_programs(shell: Shell, waiting: int, owner: Owner) -> None:
    owner.execute(
        b"UPDATE chatmail.outbox SET attempts = 2, last_code = 450, last_text = %s WHERE recipient = 'b@d.example'",
        ("busy\x1b[2J\r\nno",),
    )
    shown = shell.json("queue", "show", str(waiting))
    assert shown["id"] == waiting
    assert [one["recipient"] for one in shown["recipients"]] == ["b@d.example", "c@d.example", "b@e.example"]
    assert (shown["recipients"][0]["attempts"], shown["recipients"][0]["last_code"]) == (2, 450)
    first, _, *lines = shell.run("queue", "show", str(waiting))[1].splitlines()
    assert first.startswith(f"message {waiting}, 40 B, from ")
    assert lines[0].startswith("  b@d.example: waiting, 2 attempts, next try ")
    assert lines[0].endswith(": 450 busy?[2J??no"), "nothing that moves a terminal"


def test_retry_makes_it_due(shell: Shell, waiting: int, owner: Owner) -> None:
    owner.execute(b"UPDATE chatmail.outbox SET is_poison = true, next_at = now() + interval '1 hour'")
    assert shell.json("queue", "retry", "--domain", "e.example") == {"retried": 1}
    assert shell.json("queue", "retry", str(waiting)) == {"retried": 3}
    assert shell.run("queue", "retry", "--all")[1] == "3 recipients are tried again now.\n"
    assert shell.json("status")["poison"] == 0


def test_drop_tells_the_sender(shell: Shell, waiting: int, owner: Owner) -> None:
    owner.execute(b"UPDATE chatmail.outbox SET last_code = 450, last_text = 'busy' WHERE recipient = 'b@d.example'")
    assert shell.json("queue", "drop", "--domain", "d.example") == {"dropped": 2, "trying": 0}
    report = owner.execute(b"SELECT data FROM chatmail.message m JOIN chatmail.body b ON b.id = m.body_id").fetchone()
    assert report
    text = report[0].decode()
    assert "* b@d.example: given up by the operator of this server; last answer: 450 busy\r\n" in text
    assert "* c@d.example: given up by the operator of this server\r\n" in text
    assert "Message-ID: <1@localhost>\r\n" in text
    assert "From: Mail Delivery <mailer-daemon@example.org>\r\n" in text
    assert "ciphertext" not in text
    assert "b@e.example" not in text


def test_a_silent_drop_tells_nobody(shell: Shell, waiting: int, owner: Owner) -> None:
    assert shell.json("queue", "drop", str(waiting), "--silent")["dropped"] == 3
    assert owner.execute(b"SELECT FROM chatmail.message").fetchone() is None


def test_what_is_being_tried_stays(shell: Shell, waiting: int, owner: Owner) -> None:
    owner.execute(b"UPDATE chatmail.outbox SET worker = chatmail.worker_join(60) WHERE recipient = 'b@d.example'")
    said = shell.run("queue", "drop", "--domain", "d.example")[1]
    assert said == "1 recipient is dropped; 1 recipient is being tried at this moment, and not dropped.\n"
    assert "being tried" in shell.refused("queue", "drop", "--domain", "d.example")


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("retry",), "name one message"),
        (("drop",), "name one message"),
        (("retry", "1", "--all"), "name one message"),
        (("retry", "1", "--domain", "d.example"), "name one message"),
        (("drop", "--domain", "no such domain"), "is not a domain"),
        (("list", "--domain", "a@d.example"), "is not a domain"),
    ],
)
def test_what_cannot_be_done_is_said(shell: Shell, owner: Owner, words: tuple[str, ...], sentence: str) -> None:
    assert sentence in shell.refused("queue", *words)


def test_everything_is_not_dropped_at_once(shell: Shell, waiting: int) -> None:
    assert shell.run("queue", "drop", "--all")[0] == 2
    assert DOMAIN in shell.json("queue", "show", str(waiting))["sender"]
