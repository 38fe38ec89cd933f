"""The IMAP store on Postgres: what one session does, the others can learn."""

import asyncio
from typing import Any

import psycopg
import pytest

from shared.mail.mailbox import Changes, Flag
from shared.storage.database import Database
from shared.storage.deliveries import Deliveries
from shared.storage.mailbox_statements import INLINE_LIMIT
from shared.storage.mailboxes import Mailboxes
from tests.storage.conftest import QUOTA, MakeAccount, message, one


@pytest.fixture
def store(imap: Database) -> Mailboxes:
    return Mailboxes(imap, QUOTA)


async def test_snapshot_status_and_quota_tell_the_same(
    store: Mailboxes, deliveries: Deliveries, make_account: MakeAccount
) -> None:
    account = await make_account()
    for salt in range(3):
        await deliveries.store(message(account.mailbox_id, salt=salt))
    await store.add_flags(account.mailbox_id, [2], Flag.SEEN)
    snapshot = await store.snapshot(account.account_id, "INBOX")
    status = await store.status(account.account_id, "INBOX")
    assert snapshot is not None
    assert status is not None
    assert (list(snapshot.uids), list(snapshot.flags), snapshot.uidnext) == ([1, 2, 3], [0, 1, 0], 4)
    assert (status.messages, status.unseen, status.uidnext) == (3, 2, 4)
    quota = await store.quota(account.account_id)
    assert (quota.used, quota.limit) == (status.size, QUOTA)
    assert await store.names(account.account_id) == ["INBOX"]
    assert await store.snapshot(account.account_id, "Trash") is None


async def test_changes_tell_arrivals_flags_and_expunges_since_a_modseq(
    store: Mailboxes, deliveries: Deliveries, make_account: MakeAccount
) -> None:
    account = await make_account()
    box = account.mailbox_id
    for salt in range(4):
        await deliveries.store(message(box, salt=salt))
    snapshot = await store.snapshot(account.account_id, "INBOX")
    assert snapshot is not None
    assert await store.changes(box, snapshot.modseq, snapshot.uidnext) == Changes(snapshot.modseq, 5, (), (), ())
    await store.add_flags(box, [1, 3], Flag.DELETED)
    await store.add_flags(box, [2], Flag.SEEN)
    assert list((await store.expunge(box, [1, 2, 3])).uids) == [1, 3]
    await deliveries.store(message(box, salt="new"))
    changes = await store.changes(box, snapshot.modseq, snapshot.uidnext)
    assert changes is not None
    assert (changes.arrived, changes.flagged, changes.expunged) == (((5, 0),), ((2, 1),), (1, 3))
    assert (changes.uidnext, changes.modseq) == (6, snapshot.modseq + 4)
    assert len(changes.waited) == 1
    assert 0 < changes.waited[0] < 60, "seconds since it was accepted"
    assert await store.changes(999_999, 1, 1) is None


async def test_flags_are_added_removed_and_replaced(
    store: Mailboxes, deliveries: Deliveries, make_account: MakeAccount
) -> None:
    box = (await make_account()).mailbox_id
    await deliveries.store(message(box))
    assert list((await store.add_flags(box, [1, 9], Flag.SEEN | Flag.FLAGGED)).messages) == [(1, 5)]
    assert list((await store.remove_flags(box, [1], Flag.SEEN)).messages) == [(1, 4)]
    assert list((await store.replace_flags(box, [1], Flag.ANSWERED)).messages) == [(1, 2)]
    assert list((await store.add_flags(box, [], Flag.SEEN)).messages) == []


async def test_many_sessions_at_once_each_get_their_own(
    store: Mailboxes, deliveries: Deliveries, make_account: MakeAccount
) -> None:
    accounts = [await make_account() for _ in range(20)]
    for number, account in enumerate(accounts):
        await deliveries.store(message(account.mailbox_id, body=b"N: %d\r\n\r\n" % number))
    fetched = await asyncio.gather(*(store.fetch(a.mailbox_id, [1], header=True, body=True) for a in accounts))
    assert [rows[0].body for rows in fetched] == [b"N: %d\r\n\r\n" % number for number in range(20)]
    flagged = await asyncio.gather(
        *(store.add_flags(a.mailbox_id, [1], Flag.DELETED if n % 2 else Flag.SEEN) for n, a in enumerate(accounts))
    )
    assert [marked.messages[0][1] for marked in flagged] == [8 if n % 2 else 1 for n in range(20)]
    gone = await asyncio.gather(*(store.expunge(a.mailbox_id, [1]) for a in accounts))
    assert [list(removed.uids) for removed in gone] == [[1] if n % 2 else [] for n in range(20)]


async def test_two_sessions_of_one_mailbox_do_not_mix(
    store: Mailboxes, deliveries: Deliveries, make_account: MakeAccount
) -> None:
    box = (await make_account()).mailbox_id
    for salt in range(2):
        await deliveries.store(message(box, salt=salt))
    first, second = await asyncio.gather(
        store.add_flags(box, [1], Flag.SEEN), store.add_flags(box, [1, 2], Flag.FLAGGED)
    )
    assert (first.messages, second.messages) == ([(1, 1)], [(1, 5), (2, 4)])
    assert second.modseq == first.modseq + 1


async def test_large_messages_are_read_in_slices(
    store: Mailboxes, deliveries: Deliveries, make_account: MakeAccount
) -> None:
    box = (await make_account()).mailbox_id
    body = b"A: b\r\n\r\n" + bytes(range(256)) * (INLINE_LIMIT // 256 + 4)
    await deliveries.store(message(box, body=body))
    ((fetched),) = await store.fetch(box, [1], header=True, body=True)
    assert (fetched.header, fetched.body, fetched.size) == (b"A: b\r\n\r\n", None, len(body))
    slices = [await store.read(box, 1, offset, 10_000) for offset in range(0, len(body) + 10_000, 10_000)]
    assert b"".join(slices) == body
    assert await store.read(box, 2, 0, 10) == b""


async def test_the_last_holder_takes_the_body_along(
    store: Mailboxes, deliveries: Deliveries, make_account: MakeAccount, owner: psycopg.Connection[Any]
) -> None:
    boxes = [(await make_account()).mailbox_id for _ in range(3)]
    bodies = one(owner, "SELECT count(*) FROM chatmail.body")
    await deliveries.store(message(*boxes))
    for box in boxes:
        assert one(owner, "SELECT count(*) FROM chatmail.body") == bodies + 1
        await store.add_flags(box, [1], Flag.DELETED)
        assert list((await store.expunge(box, [1])).uids) == [1]
    assert one(owner, "SELECT count(*) FROM chatmail.body") == bodies
    holders = "SELECT count(*) FROM chatmail.body_holders h WHERE NOT EXISTS"
    assert one(owner, f"{holders} (SELECT FROM chatmail.body b WHERE b.id = h.body_id)") == 0


async def test_holders_that_let_go_at_once_leave_nothing(
    store: Mailboxes, deliveries: Deliveries, make_account: MakeAccount, owner: psycopg.Connection[Any]
) -> None:
    boxes = [(await make_account()).mailbox_id for _ in range(8)]
    bodies = one(owner, "SELECT count(*) FROM chatmail.body")
    for salt in range(5):
        await deliveries.store(message(*boxes, salt=salt))
    await asyncio.gather(*(store.add_flags(box, range(1, 6), Flag.DELETED) for box in boxes))
    with psycopg.connect(owner.info.dsn, autocommit=True) as other:
        expunges = [store.expunge(box, range(1, 6)) for box in boxes[:4]]
        removal = asyncio.to_thread(
            other.execute,
            b"SELECT chatmail.expunge(array_agg(b), array_agg(u)) FROM unnest(%s::bigint[]) b, generate_series(1, 5) u",
            (boxes[4:],),
        )
        await asyncio.gather(removal, *expunges)
    assert one(owner, "SELECT count(*) FROM chatmail.body") == bodies


async def test_usage_falls_when_mail_is_deleted(
    store: Mailboxes, deliveries: Deliveries, make_account: MakeAccount
) -> None:
    account = await make_account()
    await deliveries.store(message(account.mailbox_id))
    await store.add_flags(account.mailbox_id, [1], Flag.DELETED)
    await store.expunge(account.mailbox_id, [1])
    assert (await store.quota(account.account_id)).used == 0


async def test_a_banned_accounts_mailbox_is_shut_to_sessions_that_are_open(
    store: Mailboxes, make_account: MakeAccount, owner: psycopg.Connection[Any]
) -> None:
    account = await make_account()
    box = account.mailbox_id
    assert await store.changes(box, 1, 1) is not None
    address = one(
        owner,
        "SELECT address FROM chatmail.account a JOIN chatmail.mailbox b ON b.account_id = a.id WHERE b.id = %s",
        box,
    )
    owner.execute(b"SELECT chatmail.operator_ban(%s)", (address,))
    assert await store.changes(box, 1, 1) is None
    assert await store.snapshot(account.account_id, "INBOX") is None


async def test_what_is_loaded_over_another_connection_says_so(
    store: Mailboxes,
    imap: Database,
    deliveries: Deliveries,
    make_account: MakeAccount,
    owner: psycopg.Connection[Any],
) -> None:
    account = await make_account()
    for salt in range(2):
        await deliveries.store(message(account.mailbox_id, salt=salt))
    opened = await store.snapshot(account.account_id, "INBOX", 1)
    assert opened is not None
    older = await store.older(account.mailbox_id, 2, opened.modseq)
    assert older is not None
    assert (list(older.uids), older.life) == ([1], opened.life)
    mine = b"datname = current_database() AND application_name = 'imap-read'"
    owner.execute(b"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE %b" % mine)
    while imap.read.connections == opened.life or not imap.read.is_connected:
        await asyncio.sleep(0.01)
    older = await store.older(account.mailbox_id, 2, opened.modseq)
    assert older is not None
    assert older.life != opened.life


async def test_a_mailbox_that_is_loaded_whole_needs_no_count(
    store: Mailboxes, deliveries: Deliveries, make_account: MakeAccount, owner: psycopg.Connection[Any]
) -> None:
    account = await make_account()
    for salt in range(2):
        await deliveries.store(message(account.mailbox_id, salt=salt))
    owner.execute(b"UPDATE chatmail.mailbox SET messages = 7 WHERE id = %s", (account.mailbox_id,))
    for newest, older in ((None, 0), (3, 0), (2, 5)):
        opened = await store.snapshot(account.account_id, "INBOX", newest)
        assert opened is not None
        assert (list(opened.uids), opened.older) == ([1, 2], older)
