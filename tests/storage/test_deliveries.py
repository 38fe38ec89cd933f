"""Storing messages: once, in order, for all recipients, within the quota."""

import asyncio
from typing import Any

import psycopg
import pytest

from shared.storage.database import Database
from shared.storage.deliveries import LARGE, Deliveries, Full, Stored
from shared.storage.mailboxes import Mailboxes
from tests.storage.conftest import QUOTA, MakeAccount, message, one


async def test_every_recipient_gets_it_and_the_body_is_stored_once(
    deliveries: Deliveries, make_account: MakeAccount, imap: Database, owner: psycopg.Connection[Any]
) -> None:
    boxes = [(await make_account()).mailbox_id for _ in range(5)]
    bodies_before = one(owner, "SELECT count(*) FROM chatmail.body")
    stored = await deliveries.store(message(*boxes))
    assert isinstance(stored, Stored)
    assert [mailbox for mailbox, *_ in stored.arrivals] == sorted(boxes)
    assert stored.holders == 5
    assert one(owner, "SELECT count(*) FROM chatmail.body") == bodies_before + 1
    for box in boxes:
        ((fetched),) = await Mailboxes(imap, QUOTA).fetch(box, [1], header=True, body=True)
        assert (fetched.header, fetched.body) == (b"Subject: x\r\n\r\n", b"Subject: x\r\n\r\nbody\r\n")


@pytest.mark.parametrize("size", [100, LARGE + 1], ids=["small", "large"])
async def test_the_same_octets_again_are_stored_once(
    deliveries: Deliveries, make_account: MakeAccount, owner: psycopg.Connection[Any], size: int
) -> None:
    box = (await make_account()).mailbox_id
    incoming = message(box, body=b"Subject: y\r\n\r\n" + b"x" * size)
    first, second = await deliveries.store(incoming), await deliveries.store(incoming)
    assert isinstance(first, Stored)
    assert isinstance(second, Stored)
    assert (len(first.arrivals), len(second.arrivals), second.holders) == (1, 0, 1)
    assert one(owner, "SELECT count(*) FROM chatmail.message WHERE mailbox_id = %s", box) == 1
    assert one(owner, "SELECT uidnext FROM chatmail.mailbox WHERE id = %s", box) == 2


async def test_a_repeat_reaches_only_those_it_had_not_reached(
    deliveries: Deliveries, make_account: MakeAccount, owner: psycopg.Connection[Any]
) -> None:
    ann, bob = (await make_account()).mailbox_id, (await make_account()).mailbox_id
    await deliveries.store(message(ann))
    again = await deliveries.store(message(ann, bob))
    assert isinstance(again, Stored)
    assert [mailbox for mailbox, *_ in again.arrivals] == [bob]
    holders = "SELECT sum(holders) FROM chatmail.body_holders h JOIN chatmail.message m ON m.body_id = h.body_id"
    assert one(owner, f"{holders} WHERE m.mailbox_id = %s", bob) == 1


async def test_the_same_body_with_another_digest_is_another_message(
    deliveries: Deliveries, make_account: MakeAccount, owner: psycopg.Connection[Any]
) -> None:
    box = (await make_account()).mailbox_id
    for salt in (1, 2):
        await deliveries.store(message(box, salt=salt))
    assert one(owner, "SELECT messages FROM chatmail.mailbox WHERE id = %s", box) == 2


async def test_simultaneous_repeats_are_stored_once(
    deliveries: Deliveries, make_account: MakeAccount, owner: psycopg.Connection[Any], database_urls: dict[str, str]
) -> None:
    box = (await make_account()).mailbox_id
    large = message(box, body=b"Subject: z\r\n\r\n" + b"x" * (LARGE + 1))
    await asyncio.gather(*(deliveries.store(large) for _ in range(6)))
    assert one(owner, "SELECT count(*) FROM chatmail.message WHERE mailbox_id = %s", box) == 1


async def test_a_full_mailbox_refuses_for_all_and_neighbours_in_the_batch_go_through(
    deliveries: Deliveries, make_account: MakeAccount, owner: psycopg.Connection[Any]
) -> None:
    full, free = (await make_account()).mailbox_id, (await make_account()).mailbox_id
    owner.execute(b"UPDATE chatmail.mailbox SET bytes = %s WHERE id = %s", (QUOTA, full))
    outcomes = await asyncio.gather(
        *(deliveries.store(message(free, salt=number)) for number in range(5)),
        deliveries.store(message(free, full, salt="full")),
    )
    assert [type(outcome) for outcome in outcomes] == [Stored] * 5 + [Full]
    assert one(owner, "SELECT count(*) FROM chatmail.message WHERE mailbox_id = %s", free) == 5
    assert one(owner, "SELECT count(*) FROM chatmail.message WHERE mailbox_id = %s", full) == 0


async def test_the_message_that_crosses_the_limit_is_the_last(
    deliveries: Deliveries, make_account: MakeAccount, owner: psycopg.Connection[Any]
) -> None:
    box = (await make_account()).mailbox_id
    owner.execute(b"UPDATE chatmail.mailbox SET bytes = %s WHERE id = %s", (QUOTA - 1, box))
    crossing = await deliveries.store(message(box, salt=1))
    assert isinstance(crossing, Stored)
    assert crossing.nearly_full == (box,)
    assert isinstance(await deliveries.store(message(box, salt=2)), Full)


async def test_a_mailbox_that_is_gone_is_no_holder(deliveries: Deliveries, make_account: MakeAccount) -> None:
    box = (await make_account()).mailbox_id
    both = await deliveries.store(message(box, 999_999))
    none = await deliveries.store(message(999_999))
    assert isinstance(both, Stored)
    assert isinstance(none, Stored)
    assert (both.holders, none.holders) == (1, 0)


async def test_uids_become_visible_in_order(
    deliveries: Deliveries,
    make_account: MakeAccount,
    imap: Database,
    database_urls: dict[str, str],
    submission: Database,
) -> None:
    """50 deliveries over two lanes and the thread pool while a reader polls: every UID once, ascending."""
    box = (await make_account()).mailbox_id
    other = Deliveries(submission.lazy, database_urls["submission"], 10**9)
    big = Deliveries(submission.durable, database_urls["submission"], 10**9)
    store = Mailboxes(imap, QUOTA)
    seen: list[int] = []

    async def poll() -> None:
        uidnext, modseq = 1, 1
        while len(seen) < 50:
            changes = await store.changes(box, modseq, uidnext)
            assert changes is not None
            seen.extend(uid for uid, _ in changes.arrived)
            uidnext, modseq = changes.uidnext, changes.modseq

    bodies = [b"A: b\r\n\r\n" + b"x" * (LARGE + 1 if number % 10 == 0 else 50) for number in range(50)]
    writers = [(big if n % 2 else other).store(message(box, body=body, salt=n)) for n, body in enumerate(bodies)]
    await asyncio.wait_for(asyncio.gather(poll(), *writers), 60)
    assert seen == list(range(1, 51))
    big.close()


async def test_unsorted_recipients_do_not_deadlock(
    deliveries: Deliveries,
    make_account: MakeAccount,
    submission: Database,
    database_urls: dict[str, str],
    owner: psycopg.Connection[Any],
) -> None:
    boxes = [(await make_account()).mailbox_id for _ in range(6)]
    other = Deliveries(submission.lazy, database_urls["submission"], 10**9)
    work = []
    for number in range(60):
        order = boxes if number % 2 else boxes[::-1]
        work.append((deliveries if number % 3 else other).store(message(*order, salt=number)))
    before = one(owner, "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
    await asyncio.gather(*work)
    assert one(owner, "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()") == before
    assert one(owner, "SELECT min(messages) FROM chatmail.mailbox WHERE id = ANY(%s)", boxes) == 60
