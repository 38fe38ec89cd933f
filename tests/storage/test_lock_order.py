"""Whatever goes on at once, nobody waits for anybody in a circle: accepting, carrying, expunging, removing."""

import random
import threading
import time
from collections.abc import Callable
from itertools import count
from typing import Any

import psycopg
import pytest
from psycopg import errors

from shared.storage.accounts import Account
from tests.storage.conftest import one
from tests.storage.outbox_rig import BODY, REPORT, REPORT_HEADER, Owner, assert_balanced, born, clear, letter, put

SECONDS = 5.0
OPTIONS = "-c deadlock_timeout=50ms -c jit=off"  # a circle is seen soon
DOMAINS = [f"{name}.test" for name in "abcdef"]
LEASE = b"SELECT id FROM chatmail.lease(%s, NULL, 4, NULL)"
_numbers = count(1)

Work = Callable[[Owner, list[Account]], None]


def accept(owner: Owner, people: list[Account]) -> None:
    here = random.sample([person.mailbox_id for person in people], random.randint(0, len(people)))
    domains = [*random.sample(DOMAINS, 2), f"{next(_numbers) % 20}.new.test"]
    random.shuffle(domains)
    put(
        owner,
        letter(random.choice(people), *(f"x@{domain}" for domain in domains), here=tuple(here), salt=next(_numbers)),
        quota=10**12,
    )


def carry(owner: Owner, _: list[Account]) -> None:
    """A worker's whole life: with several destinations at once, and falling silent sometimes."""
    token = one(owner, "SELECT chatmail.worker_join(0.2)")
    for _ in range(4):
        leased = [row[0] for row in owner.execute(LEASE, (token,))]
        random.shuffle(leased)
        claimed = [
            row
            for number in leased
            for row in owner.execute(b"SELECT message_id, ids FROM chatmail.claim(%s, %s, 8, 1000)", (token, number))
        ]
        claimed += owner.execute(
            b"SELECT message_id, ids FROM chatmail.claim_expired(%s, %s, 9)", (token, 1.0)
        ).fetchall()
        random.shuffle(claimed)
        settle(owner, token, claimed)
        for number in leased:
            owner.execute(b"SELECT chatmail.release(%s, %s, 0, 0)", (token, number))
    owner.execute(b"SELECT chatmail.worker_leave(%s)", (token,))


def settle(owner: Owner, token: int, claimed: list[tuple[int, list[int]]]) -> None:
    messages = [message for message, _ in claimed]
    owner.execute(b"SELECT * FROM chatmail.sign(%s::bigint[], %s::bytea[])", (messages, [b"signed"] * len(messages)))
    ids = [row for _, rows in claimed for row in rows]
    random.shuffle(ids)
    size = len(ids)
    rows = (ids, [random.choice((0, 0, 0, 1, 3)) for _ in ids], [0.0] * size, [450] * size, ["said"] * size)
    told = (messages, [REPORT] * len(messages), [REPORT_HEADER] * len(messages))
    owner.execute(
        b"SELECT * FROM chatmail.settle(%s, %s::bigint[], %s::smallint[], %s::float8[], %s::int[], %s::text[], "
        b"%s::bigint[], %s::bytea[], %s::int[])",
        (token, *rows, *told),
    )


def expunge(owner: Owner, people: list[Account]) -> None:
    statement = b"SELECT mailbox_id, uid FROM chatmail.message ORDER BY random() LIMIT 20"
    found = owner.execute(statement).fetchall()
    boxes, uids = [row[0] for row in found], [row[1] for row in found]
    owner.execute(b"SELECT * FROM chatmail.remove_messages(%s::bigint[], %s::bigint[], false)", (boxes, uids))


def expire(owner: Owner, people: list[Account]) -> None:
    owner.execute(b"SELECT * FROM chatmail.expire(0, 1000000, 20, 1000000, 0, 0, 0)")
    owner.execute(b"SELECT chatmail.forget_destinations()")


def warn(owner: Owner, people: list[Account]) -> None:
    for (message,) in owner.execute(b"SELECT message_id FROM chatmail.late(0.1, 10)").fetchall():
        owner.execute(b"SELECT * FROM chatmail.warn(%s, %s, %s)", (message, REPORT, REPORT_HEADER))


def push(owner: Owner, people: list[Account]) -> None:
    accounts = [person.account_id for person in random.sample(people, len(people))]
    owner.execute(b"SELECT chatmail.set_push_tokens(%s, %s, 3)", (accounts, [b"token"] * len(accounts)))
    owner.execute(b"SELECT * FROM chatmail.claim_pushes(10, 0, 100)")


def remove(owner: Owner, people: list[Account]) -> None:
    """Some accounts are given up together, others one by one, and new ones come in their place."""
    doomed = random.sample(range(len(people)), 2)
    accounts = [people[number].account_id for number in doomed]
    for number in doomed:
        people[number] = born(owner)
    if random.random() < 0.5:
        owner.execute(b"UPDATE chatmail.last_login SET day = day - 100 WHERE account_id = ANY (%s)", (accounts,))
        owner.execute(b"SELECT chatmail.expire_accounts(90, 10)")
    else:
        owner.execute(b"SELECT chatmail.remove_account(%s)", (accounts[0],))
    time.sleep(0.02)


def operate(owner: Owner, people: list[Account]) -> None:
    domain = random.choice(DOMAINS)
    owner.execute(b"SELECT chatmail.operator_retry(NULL, %s)", (domain,))
    with owner.transaction():
        found = owner.execute(
            b"SELECT message_id, ids FROM chatmail.operator_droppable(NULL, %s, 3)", (domain,)
        ).fetchall()
        messages = [message for message, _ in found]
        ids = [row for _, rows in found for row in rows]
        told = (ids, messages, [REPORT] * len(messages), [REPORT_HEADER] * len(messages))
        owner.execute(b"SELECT chatmail.operator_drop(%s::bigint[], %s::bigint[], %s::bytea[], %s::int[])", told)


def arrange(owner: Owner, people: list[Account]) -> None:
    """Somebody makes, fills, renames and removes mailboxes, and moves and copies between them."""
    person, name = random.choice(people), f"box{random.randint(0, 3)}"
    owner.execute(b"SELECT chatmail.create_mailbox(%s, %s, NULL, 100)", (person.account_id, f"{name}/in"))
    found = owner.execute(b"SELECT id FROM chatmail.mailbox WHERE account_id = %s", (person.account_id,)).fetchall()
    for (source,) in random.sample(found, len(found)):
        uids = [
            row[0]
            for row in owner.execute(b"SELECT uid FROM chatmail.message WHERE mailbox_id = %s LIMIT 5", (source,))
        ]
        target = random.choice(["INBOX", name, f"{name}/in", "none"])
        copied = (source, uids, target, 10**12, random.random() < 0.5)
        owner.execute(b"SELECT * FROM chatmail.copy_messages(%s, %s::bigint[], %s, %s, %s)", copied)
    body = (person.account_id, name, [BODY], [10], [0], ["Junk"], [None], 10**12)
    owner.execute(
        b"SELECT * FROM chatmail.append_messages(%s, %s, %s::bytea[], %s::int[], %s::smallint[], %s::text[],"
        b" %s::float8[], %s)",
        body,
    )
    owner.execute(b"SELECT chatmail.subscribe(%s, %s, 10)", (person.account_id, name))
    owner.execute(
        b"SELECT * FROM chatmail.rename_mailbox(%s, %s, %s, 100, 500, 20)", (person.account_id, name, f"{name}x")
    )
    owner.execute(b"SELECT * FROM chatmail.delete_mailbox(%s, %s, 3)", (person.account_id, f"{name}x"))


CROWDS: list[Any] = [
    pytest.param([accept, arrange, arrange, expunge, expire, remove], id="arranging"),
    pytest.param([accept, carry, carry, expire, remove], id="removing"),
    pytest.param([accept, accept, carry, expunge, push, warn, operate], id="operating"),
]


@pytest.mark.parametrize("crowd", CROWDS)
def test_a_crowd(owner: Owner, database_urls: dict[str, str], crowd: list[Work]) -> None:
    clear(owner)
    people = [born(owner) for _ in range(5)]
    deadlocks: list[str] = []
    mistakes: list[BaseException] = []
    done: dict[str, int] = dict.fromkeys((work.__name__ for work in crowd), 0)
    ending = time.monotonic() + SECONDS

    def go_on(work: Work) -> None:
        with psycopg.connect(database_urls["postgres"], autocommit=True, options=OPTIONS) as connection:
            while time.monotonic() < ending and not mistakes:
                try:
                    work(connection, people)
                    done[work.__name__] += 1
                except errors.DeadlockDetected as error:
                    deadlocks.append(f"{work.__name__}: {error}")
                except BaseException as error:
                    mistakes.append(error)

    threads = [threading.Thread(target=go_on, args=(work,)) for work in crowd]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert mistakes == []
    assert deadlocks == []
    assert all(done.values())
    assert_balanced(owner)
