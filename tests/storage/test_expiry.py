"""Expiry by the database's clock: rows are shifted into the past, never the clock."""

from typing import Any

import psycopg
import pytest

from shared.address import parse
from shared.storage.accounts import Account, Accounts
from shared.storage.database import Database
from shared.storage.deliveries import Deliveries
from shared.storage.expiry import Expiry, Limits
from shared.storage.mailboxes import Mailboxes
from tests.storage.conftest import QUOTA, MakeAccount, message, one

LARGE = 2_000
LIMITS = Limits(days=20, large_days=7, large_size=LARGE, inactive_days=90, quota=QUOTA)


@pytest.fixture
def expiry(database_urls: dict[str, str]) -> Any:
    expiry = Expiry(database_urls["queue_worker"], LIMITS)
    yield expiry
    expiry.close()


def walk(expiry: Expiry) -> list[tuple[int, int]]:
    after: int | None = 0
    rings = []
    while after is not None:
        after, _, rung = expiry.expire_step(after)
        rings += rung
    return rings


def age(owner: psycopg.Connection[Any], mailbox_id: int, uid: int, days: float) -> None:
    statement = (
        b"UPDATE chatmail.message SET arrived = now() - make_interval(secs => %s) WHERE mailbox_id = %s AND uid = %s"
    )
    owner.execute(statement, (days * 86400, mailbox_id, uid))


@pytest.mark.parametrize(
    ("size", "days", "is_kept"),
    [
        pytest.param(10, 19.9, True, id="young"),
        pytest.param(10, 20.1, False, id="old"),
        pytest.param(LARGE + 1, 6.9, True, id="large and young"),
        pytest.param(LARGE + 1, 7.1, False, id="large and old"),
        pytest.param(LARGE - 100, 7.1, True, id="not large"),
    ],
)
async def test_mail_goes_by_age_and_size(
    expiry: Expiry,
    deliveries: Deliveries,
    make_account: MakeAccount,
    owner: psycopg.Connection[Any],
    size: int,
    days: float,
    is_kept: bool,
) -> None:
    box = (await make_account()).mailbox_id
    await deliveries.store(message(box, body=b"A: b\r\n\r\n" + b"x" * size, salt=days))
    age(owner, box, 1, days)
    rung = walk(expiry)
    assert one(owner, "SELECT count(*) FROM chatmail.message WHERE mailbox_id = %s", box) == int(is_kept)
    assert (box in {mailbox for mailbox, _ in rung}) is not is_kept


async def test_sessions_hear_of_what_expired(
    expiry: Expiry, deliveries: Deliveries, make_account: MakeAccount, owner: psycopg.Connection[Any], imap: Database
) -> None:
    account = await make_account()
    await deliveries.store(message(account.mailbox_id))
    store = Mailboxes(imap, QUOTA)
    snapshot = await store.snapshot(account.account_id, "INBOX")
    assert snapshot is not None
    age(owner, account.mailbox_id, 1, 30)
    walk(expiry)
    changes = await store.changes(account.mailbox_id, snapshot.modseq, snapshot.uidnext)
    assert changes is not None
    assert changes.expunged == (1,)
    assert (await store.quota(account.account_id)).used == 0


async def test_a_full_account_loses_its_oldest_but_nothing_of_today(
    expiry: Expiry, deliveries: Deliveries, make_account: MakeAccount, owner: psycopg.Connection[Any]
) -> None:
    box = (await make_account()).mailbox_id
    for number in range(8):
        await deliveries.store(message(box, body=b"A: b\r\n\r\n" + b"x" * 99_992, salt=number))
    assert expiry.trim(box) == []  # all of it arrived today
    for uid in (2, 5, 7):
        age(owner, box, uid, 2 + 0.1 * uid)
    assert expiry.nearly_full() == [box]
    assert expiry.trim(box)
    kept = {row[0] for row in owner.execute(b"SELECT uid FROM chatmail.message WHERE mailbox_id = %s", (box,))}
    assert kept == {1, 2, 3, 4, 5, 6, 8}  # 700 000 of 1 000 000 left: the oldest one was enough
    assert expiry.nearly_full() == []
    assert expiry.trim(box) == []


async def test_an_account_at_three_quarters_is_left_alone(
    expiry: Expiry, deliveries: Deliveries, make_account: MakeAccount, owner: psycopg.Connection[Any]
) -> None:
    box = (await make_account()).mailbox_id
    for number in range(7):
        await deliveries.store(message(box, body=b"A: b\r\n\r\n" + b"x" * 99_992, salt=number))
        age(owner, box, number + 1, 5)
    assert expiry.trim(box) == []


async def test_unused_accounts_go_with_everything_and_may_be_born_again(
    expiry: Expiry, deliveries: Deliveries, submission: Database, owner: psycopg.Connection[Any]
) -> None:
    accounts = Accounts(submission, "open")
    address = parse("sleeper@example.org")
    assert await accounts.admit(address, "hash")
    account = await accounts.find(address)
    assert isinstance(account, Account)
    box = account.mailbox_id
    validity = one(owner, "SELECT uidvalidity FROM chatmail.mailbox WHERE id = %s", box)
    await deliveries.store(message(box, salt="sleeper"))
    bodies = one(owner, "SELECT count(*) FROM chatmail.body")
    assert expiry.expire_accounts() == 0
    owner.execute(
        b"UPDATE chatmail.last_login SET day = current_date - 91 WHERE account_id = %s",
        (account.account_id,),
    )
    assert expiry.expire_accounts() == 1
    assert await accounts.find(address) is None
    assert one(owner, "SELECT count(*) FROM chatmail.body") == bodies - 1
    assert await accounts.admit(address, "another")
    again = await accounts.find(address)
    assert isinstance(again, Account)
    assert one(owner, "SELECT uidvalidity FROM chatmail.mailbox WHERE id = %s", again.mailbox_id) > validity


async def test_an_account_whose_session_looks_is_in_use(
    expiry: Expiry, make_account: MakeAccount, owner: psycopg.Connection[Any], imap: Database
) -> None:
    account = await make_account()
    owner.execute(
        b"UPDATE chatmail.last_login SET day = current_date - 91 WHERE account_id = %s", (account.account_id,)
    )
    await Mailboxes(imap, QUOTA).changes(account.mailbox_id, 1, 1)
    expiry.expire_accounts()
    assert one(owner, "SELECT count(*) FROM chatmail.account WHERE id = %s", account.account_id) == 1


async def test_a_step_is_bounded_and_rings_each_mailbox_with_its_own_modseq(
    expiry: Expiry,
    deliveries: Deliveries,
    make_account: MakeAccount,
    owner: psycopg.Connection[Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("shared.storage.expiry.OCTETS_A_STEP", 150)
    boxes = [(await make_account()).mailbox_id for _ in range(3)]
    for index, box in enumerate(boxes):
        for number in range(3 - index):
            await deliveries.store(message(box, body=b"A: b\r\n\r\n" + b"x" * 92, salt=number))
    owner.execute(b"UPDATE chatmail.message SET arrived = now() - interval '30 days'")
    after, removed, rung = expiry.expire_step(boxes[0] - 1)
    assert (after, removed, rung) == (boxes[0] - 1, 2, [(boxes[0], 5)])
    rung = walk(expiry)
    for box in boxes:
        assert one(owner, "SELECT messages FROM chatmail.mailbox WHERE id = %s", box) == 0
        latest = max(modseq for mailbox, modseq in rung if mailbox == box)
        assert latest == one(owner, "SELECT modseq FROM chatmail.mailbox WHERE id = %s", box)


async def test_old_receipts_and_changes_go(
    expiry: Expiry, deliveries: Deliveries, make_account: MakeAccount, owner: psycopg.Connection[Any]
) -> None:
    box = (await make_account()).mailbox_id
    await deliveries.store(message(box, salt="receipt"))
    owner.execute(
        b"INSERT INTO chatmail.mailbox_change VALUES (%s, 99, true, '{7}', now() - interval '25 hours')", (box,)
    )
    owner.execute(b"UPDATE chatmail.receipt SET day = current_date - 7 WHERE mailbox_id = %s", (box,))
    walk(expiry)
    assert one(owner, "SELECT count(*) FROM chatmail.receipt WHERE mailbox_id = %s", box) == 1
    assert one(owner, "SELECT count(*) FROM chatmail.mailbox_change WHERE mailbox_id = %s", box) == 0
    owner.execute(b"UPDATE chatmail.receipt SET day = current_date - 8 WHERE mailbox_id = %s", (box,))
    walk(expiry)
    assert one(owner, "SELECT count(*) FROM chatmail.receipt WHERE mailbox_id = %s", box) == 0


async def test_orphaned_bodies_are_freed_and_held_ones_are_not(
    expiry: Expiry, deliveries: Deliveries, make_account: MakeAccount, owner: psycopg.Connection[Any]
) -> None:
    ann, bob = (await make_account()).mailbox_id, (await make_account()).mailbox_id
    await deliveries.store(message(ann, bob, salt="orphan"))
    assert expiry.free_orphans() == 0
    owner.execute(b"DELETE FROM chatmail.message WHERE mailbox_id = %s", (ann,))
    assert expiry.free_orphans() == 0
    owner.execute(b"DELETE FROM chatmail.message WHERE mailbox_id = %s", (bob,))
    assert expiry.free_orphans() == 1
