"""The outbox under the operator's hand: looked at, hurried, given up; senders told, bodies let go, workers at peace."""

from collections.abc import Iterator
from contextlib import suppress
from itertools import count
from typing import Any

import psycopg
import pytest

from shared.address import parse
from shared.storage import operator_queue
from shared.storage.operator import Operator
from shared.storage.operator_queue import Dropped, OperatorQueue
from tests.storage.conftest import one

Owner = psycopg.Connection[tuple[Any, ...]]
BODY = b"Message-ID: <1@localhost>\r\n\r\nciphertext\r\n"
HEADER_SIZE = BODY.index(b"\r\n\r\n") + 4
REPORT = b"From: mailer-daemon\r\n\r\nIt failed.\r\n"
CLAIM = b"SELECT * FROM chatmail.claim(%s, %s, 10, 0)"
_numbers = count(1)


@pytest.fixture
def queue(database_urls: dict[str, str], owner: Owner) -> Iterator[OperatorQueue]:
    """The queue in the role `operator`, empty at first."""
    for table in ("outbox", "outbox_message", "destination", "worker", "body", "body_holders", "message"):
        owner.execute(f"DELETE FROM chatmail.{table}".encode())
    with Operator(database_urls["operator"]) as operator:
        yield operator.queue


@pytest.fixture
def sender(database_urls: dict[str, str], owner: Owner) -> int:
    """The INBOX of somebody who sends."""
    address = parse(f"sender{next(_numbers)}@example.org")
    with Operator(database_urls["operator"]) as operator:
        assert operator.create_account(address, "hash")
    return int(one(owner, "SELECT max(id) FROM chatmail.mailbox"))


def wait(owner: Owner, sender: int | None, *recipients: str, is_shared: bool = False) -> int:
    """Put a message into the outbox and return its number."""
    body = one(owner, "INSERT INTO chatmail.body (header_size, data) VALUES (%s, %s) RETURNING id", HEADER_SIZE, BODY)
    domains = [recipient.partition("@")[2] for recipient in recipients]
    digest = str(next(_numbers)).encode()
    owner.execute(
        b"SELECT chatmail.enqueue(%s, %s, %s, %s, 1000000, %s, 'a@example.org', 'example.org', %s::text[], %s::text[])",
        (body, is_shared, len(BODY), digest, sender, list(recipients), domains),
    )
    return int(one(owner, "SELECT max(id) FROM chatmail.outbox_message"))


def work(owner: Owner, recipient: str, seconds: float) -> int:
    """Let a worker that says it lives for so long try a recipient; return its token."""
    token = one(owner, "SELECT chatmail.worker_join(%s)", seconds)
    owner.execute(b"UPDATE chatmail.outbox SET worker = %s WHERE recipient = %s", (token, recipient))
    return int(token)


def told(one: Dropped) -> bytes:
    return REPORT


def waiting(owner: Owner) -> set[str]:
    return {row[0] for row in owner.execute(b"SELECT recipient FROM chatmail.outbox")}


def test_an_empty_queue_is_empty(queue: OperatorQueue) -> None:
    assert queue.totals() == operator_queue.OutboxTotals(0, 0, 0)
    assert queue.destinations() == []
    assert queue.messages("d.example") == []
    assert queue.show(1) is None
    assert queue.retry(None, None) == queue.drop(None, "d.example", told) == 0


def test_what_waits_is_counted_by_destination(queue: OperatorQueue, owner: Owner, sender: int) -> None:
    first = wait(owner, sender, "b@d.example", "c@d.example", "b@e.example")
    wait(owner, sender, "p@d.example")
    owner.execute(
        b"UPDATE chatmail.outbox_message SET accepted = now() - interval '90 minutes' WHERE id = %s", (first,)
    )
    owner.execute(b"UPDATE chatmail.outbox SET is_poison = true WHERE recipient = 'p@d.example'")
    owner.execute(
        b"UPDATE chatmail.destination SET failures = 3, retry_at = now() + interval '1 hour' WHERE domain = 'd.example'"
    )
    work(owner, "c@d.example", 60)
    assert queue.totals() == operator_queue.OutboxTotals(4, 90, 1)
    first_line, second_line = sorted(queue.destinations(), key=lambda line: line.domain)
    assert (first_line.domain, first_line.waiting, first_line.trying, first_line.poison) == ("d.example", 3, 1, 1)
    assert (first_line.oldest_minutes, first_line.failures) == (90, 3)
    assert first_line.next_try == one(owner, "SELECT retry_at FROM chatmail.destination WHERE domain = 'd.example'")
    assert (second_line.domain, second_line.waiting, second_line.failures) == ("e.example", 1, 0)
    assert [(line.id, line.sender, line.waiting, line.poison) for line in queue.messages("d.example")] == [
        (first, "a@example.org", 2, 0),
        (first + 1, "a@example.org", 1, 1),
    ]


def test_one_message_is_shown_with_what_was_said(queue: OperatorQueue, owner: Owner, sender: int) -> None:
    message = wait(owner, sender, "b@d.example", "c@d.example", "p@e.example")
    owner.execute(
        b"UPDATE chatmail.outbox SET attempts = 2, last_code = 450, last_text = 'busy' WHERE recipient = 'b@d.example'"
    )
    owner.execute(b"UPDATE chatmail.outbox SET is_poison = true WHERE recipient = 'p@e.example'")
    work(owner, "c@d.example", 60)
    found = queue.show(message)
    assert found
    assert (found.id, found.size, found.sender, found.is_warned) == (message, len(BODY), "a@example.org", False)
    assert [(one.recipient, one.state, one.attempts, one.last_code, one.last_text) for one in found.recipients] == [
        ("b@d.example", "waiting", 2, 450, "busy"),
        ("c@d.example", "trying", 0, None, None),
        ("p@e.example", "poison", 0, None, None),
    ]


def test_retry_opens_doors_and_takes_poison_back(queue: OperatorQueue, owner: Owner, sender: int) -> None:
    wait(owner, sender, "b@d.example", "p@d.example", "t@d.example", "b@e.example")
    owner.execute(b"UPDATE chatmail.outbox SET next_at = now() + interval '1 hour'")
    owner.execute(
        b"UPDATE chatmail.outbox SET is_poison = true, lost_leases = 3, worker = NULL WHERE recipient = 'p@d.example'"
    )
    owner.execute(b"UPDATE chatmail.destination SET failures = 3, retry_at = now() + interval '1 hour'")
    work(owner, "t@d.example", 60)
    assert queue.retry(None, "d.example") == 2
    due = b"SELECT recipient FROM chatmail.outbox WHERE next_at <= now() AND NOT is_poison AND lost_leases = 0"
    assert {row[0] for row in owner.execute(due)} == {"b@d.example", "p@d.example"}
    doors = b"SELECT domain, failures, retry_at IS NULL FROM chatmail.destination ORDER BY domain"
    assert owner.execute(doors).fetchall() == [("d.example", 0, True), ("e.example", 3, False)]
    token = one(owner, "SELECT chatmail.worker_join(60)")
    assert [row[0] for row in owner.execute(b"SELECT domain FROM chatmail.lease(%s, NULL, 10)", (token,))] == [
        "d.example"
    ]


@pytest.mark.parametrize(("is_one", "expected"), [(True, {"b@d.example"}), (False, {"b@d.example", "c@d.example"})])
def test_retry_takes_one_message_or_all(
    queue: OperatorQueue, owner: Owner, sender: int, is_one: bool, expected: set[str]
) -> None:
    message = wait(owner, sender, "b@d.example")
    wait(owner, sender, "c@d.example")
    owner.execute(b"UPDATE chatmail.outbox SET next_at = now() + interval '1 hour'")
    assert queue.retry(message if is_one else None, None) == len(expected)
    assert {
        row[0] for row in owner.execute(b"SELECT recipient FROM chatmail.outbox WHERE next_at <= now()")
    } == expected


def test_retry_takes_what_a_dead_worker_held(queue: OperatorQueue, owner: Owner, sender: int) -> None:
    wait(owner, sender, "b@d.example")
    work(owner, "b@d.example", -1)
    assert queue.under_way(None, None) == 0
    assert queue.retry(None, None) == 1


def test_drop_tells_the_sender_and_lets_go_of_the_body(queue: OperatorQueue, owner: Owner, sender: int) -> None:
    message = wait(owner, sender, "b@d.example", "c@d.example")
    owner.execute(b"UPDATE chatmail.outbox SET last_code = 450, last_text = 'busy' WHERE recipient = 'b@d.example'")
    seen: list[Dropped] = []

    def report(one: Dropped) -> bytes:
        seen.append(one)
        return REPORT

    before = one(owner, "SELECT modseq FROM chatmail.mailbox WHERE id = %s", sender)
    assert queue.drop(message, None, report) == 2
    (dropped,) = seen
    assert (dropped.message_id, dropped.sender, dropped.domain) == (message, "a@example.org", "example.org")
    assert dropped.header == BODY[:HEADER_SIZE]
    assert list(dropped.recipients) == ["b@d.example", "c@d.example"]
    assert (list(dropped.codes), list(dropped.texts)) == ([450, None], ["busy", None])
    assert waiting(owner) == set()
    assert one(owner, "SELECT count(*) FROM chatmail.outbox_message") == 0
    assert owner.execute(b"SELECT data, header_size FROM chatmail.body").fetchall() == [
        (REPORT, REPORT.index(b"\r\n\r\n") + 4)
    ]
    assert one(owner, "SELECT modseq FROM chatmail.mailbox WHERE id = %s", sender) == before + 1


def test_a_silent_drop_tells_nobody(queue: OperatorQueue, owner: Owner, sender: int) -> None:
    assert queue.drop(wait(owner, sender, "b@d.example"), None, None) == 1
    assert one(owner, "SELECT count(*) FROM chatmail.body") == 0


def test_for_a_report_nobody_is_told(queue: OperatorQueue, owner: Owner) -> None:
    assert queue.drop(wait(owner, None, "b@d.example"), None, told) == 1
    assert one(owner, "SELECT count(*) FROM chatmail.body") == 0


def test_a_sender_who_is_gone_hinders_nothing(queue: OperatorQueue, owner: Owner, sender: int) -> None:
    message = wait(owner, sender, "b@d.example")
    owner.execute(b"DELETE FROM chatmail.mailbox WHERE id = %s", (sender,))
    assert queue.drop(message, None, told) == 1
    assert waiting(owner) == set()


def test_a_message_with_others_to_reach_stays(queue: OperatorQueue, owner: Owner, sender: int) -> None:
    message = wait(owner, sender, "b@d.example", "b@e.example")
    assert queue.drop(None, "d.example", told) == 1
    assert waiting(owner) == {"b@e.example"}
    found = queue.show(message)
    assert found
    assert [line.recipient for line in found.recipients] == ["b@e.example"]
    assert one(owner, "SELECT count(*) FROM chatmail.body") == 2


def test_a_body_with_another_holder_stays(queue: OperatorQueue, owner: Owner, sender: int) -> None:
    message = wait(owner, sender, "b@d.example", is_shared=True)
    body = one(owner, "SELECT body_id FROM chatmail.outbox_message")
    owner.execute(b"INSERT INTO chatmail.body_holders VALUES (%s, 2)", (body,))
    assert queue.drop(message, None, None) == 1
    assert one(owner, "SELECT holders FROM chatmail.body_holders WHERE body_id = %s", body) == 1
    assert one(owner, "SELECT count(*) FROM chatmail.body") == 1


def test_what_is_being_tried_is_not_dropped(queue: OperatorQueue, owner: Owner, sender: int) -> None:
    message = wait(owner, sender, "b@d.example", "c@d.example")
    work(owner, "b@d.example", 60)
    seen: list[Dropped] = []

    def report(one: Dropped) -> bytes:
        seen.append(one)
        return REPORT

    assert queue.drop(message, None, report) == 1
    assert [list(one.recipients) for one in seen] == [["c@d.example"]]
    assert waiting(owner) == {"b@d.example"}
    assert queue.under_way(message, None) == 1
    assert queue.drop(message, None, report) == 0


def test_while_it_is_being_dropped_no_worker_takes_it(
    queue: OperatorQueue, owner: Owner, sender: int, database_urls: dict[str, str]
) -> None:
    message, worker_url = wait(owner, sender, "b@d.example"), database_urls["queue_worker"]
    token = one(owner, "SELECT chatmail.worker_join(60)")
    destination = one(owner, "SELECT id FROM chatmail.lease(%s, NULL, 1)", token)

    def report(_: Dropped) -> bytes:
        options = "-c lock_timeout=100ms"  # it may wait or pass by
        with suppress(psycopg.errors.LockNotAvailable), psycopg.connect(worker_url, options=options) as worker:
            assert worker.execute(CLAIM, (token, destination)).fetchall() == []
        return REPORT

    assert queue.drop(message, None, report) == 1
    assert owner.execute(CLAIM, (token, destination)).fetchall() == []


def test_many_are_dropped_in_batches(
    queue: OperatorQueue, owner: Owner, sender: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(operator_queue, "BATCH", 2)
    for number in range(5):
        wait(owner, sender, f"b{number}@d.example")
    assert queue.drop(None, "d.example", told) == 5
    assert one(owner, "SELECT count(*) FROM chatmail.message WHERE mailbox_id = %s", sender) == 5


def test_a_report_that_fails_drops_nothing(queue: OperatorQueue, owner: Owner, sender: int) -> None:
    def report(_: Dropped) -> bytes:
        raise ValueError

    message = wait(owner, sender, "b@d.example")
    with pytest.raises(ValueError):
        queue.drop(message, None, report)
    assert waiting(owner) == {"b@d.example"}
