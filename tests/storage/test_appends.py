"""What clients append, on Postgres: messages of their own, all of a command or none, durable, and counted."""

import asyncio
from collections.abc import Iterator
from itertools import count
from typing import Any

import psycopg
import pytest

from shared.address import parse
from shared.mail.mailbox import Flag, Letter, NotPut, Put
from shared.storage.accounts import Account
from shared.storage.appends import Appends
from shared.storage.aside import LARGE
from shared.storage.database import Database
from shared.storage.errors import Unavailable
from shared.storage.folders import FULL
from shared.storage.mailboxes import Mailboxes
from shared.storage.recipients import Recipients
from tests.storage.conftest import QUOTA, MakeAccount, message, one
from tests.storage.outbox_rig import assert_balanced, put

Owner = psycopg.Connection[tuple[Any, ...]]
HEADER = b"Subject: x\r\n\r\n"
SMALL = HEADER + b"small\r\n"
BIG = HEADER + b"x" * LARGE
_salts = count()


@pytest.fixture
def appends(imap: Database, database_urls: dict[str, str]) -> Iterator[Appends]:
    appends = Appends(imap.durable, database_urls["imap"], QUOTA)
    yield appends
    appends.close()


@pytest.fixture
def store(imap: Database) -> Mailboxes:
    return Mailboxes(imap, QUOTA)


@pytest.fixture
async def account(make_account: MakeAccount) -> Account:
    return await make_account()


def letter(body: bytes = SMALL, flags: int = 0, *keywords: str, dated: int | None = None) -> Letter:
    return Letter(body, len(HEADER), flags, keywords, dated)


@pytest.mark.parametrize("body", [SMALL, BIG], ids=["lane", "aside"])
async def test_what_is_appended_is_there(appends: Appends, store: Mailboxes, account: Account, body: bytes) -> None:
    letters = [letter(body, Flag.SEEN, "Junk", dated=-86_400), letter(SMALL)]
    done = await appends.store(account.account_id, "INBOX", letters)
    assert isinstance(done, Put)
    assert (done.mailbox_id, done.first_uid) == (account.mailbox_id, 1)
    found = await store.snapshot(account.account_id, "INBOX")
    assert found is not None
    assert (list(found.uids), list(found.flags), list(found.keywords)) == ([1, 2], [Flag.SEEN | 1 << 5, 0], ["Junk"])
    first, second = await store.fetch(account.mailbox_id, [1, 2], header=True, body=True)
    assert (first.arrived, first.size, first.header) == (-86_400, len(body), HEADER)
    assert second.body == SMALL
    assert second.arrived == second.saved == first.saved


async def test_the_same_octets_twice_are_two_messages(appends: Appends, store: Mailboxes, account: Account) -> None:
    for uid in (1, 2):
        done = await appends.store(account.account_id, "INBOX", [letter()])
        assert isinstance(done, Put)
        assert done.first_uid == uid
    status = await store.status(account.account_id, "INBOX")
    assert status is not None
    assert (status.messages, status.size) == (2, 2 * len(SMALL))


async def test_there_is_no_such_mailbox(appends: Appends, account: Account, owner: Owner) -> None:
    before = one(owner, "SELECT count(*) FROM chatmail.body")
    assert await appends.store(account.account_id, "None", [letter()]) is NotPut.MISSING
    assert await appends.store(account.account_id, "None", [letter(BIG)]) is NotPut.MISSING
    assert one(owner, "SELECT count(*) FROM chatmail.body") == before


@pytest.mark.parametrize("body", [SMALL, BIG], ids=["lane", "aside"])
async def test_i9_all_of_a_command_or_nothing(
    appends: Appends, store: Mailboxes, account: Account, owner: Owner, body: bytes
) -> None:
    limit = (len(body) + len(SMALL) - 1, account.account_id)
    owner.execute(b"UPDATE chatmail.account SET quota = %s WHERE id = %s", limit)
    before = one(owner, "SELECT count(*) FROM chatmail.body")
    assert await appends.store(account.account_id, "INBOX", [letter(body), letter()]) is NotPut.FULL
    assert one(owner, "SELECT count(*) FROM chatmail.body") == before
    found = await store.snapshot(account.account_id, "INBOX")
    assert found is not None
    assert (list(found.uids), found.uidnext) == ([], 1)
    assert isinstance(await appends.store(account.account_id, "INBOX", [letter(body)]), Put)


async def test_no_device_is_told_and_no_old_date_makes_mail_old(
    appends: Appends, account: Account, owner: Owner
) -> None:
    owner.execute(b"UPDATE chatmail.mailbox SET wants_push = true WHERE id = %s", (account.mailbox_id,))
    await appends.store(account.account_id, "INBOX", [letter(dated=0)])
    assert one(owner, "SELECT count(*) FROM chatmail.push_due WHERE account_id = %s", account.account_id) == 0
    owner.execute(b"SELECT * FROM chatmail.expire(%s, 1, 10, 1000000, 20, 7, 200000)", (account.mailbox_id - 1,))
    assert one(owner, "SELECT messages FROM chatmail.mailbox WHERE id = %s", account.mailbox_id) == 1


async def test_a_bounded_number_of_large_ones_waits(appends: Appends, account: Account) -> None:
    tries = [appends.store(account.account_id, "INBOX", [letter(BIG)]) for _ in range(12)]
    results = await asyncio.gather(*tries, return_exceptions=True)
    assert sum(isinstance(result, Unavailable) for result in results) == 4


async def test_copies_hold_one_body_until_the_last_is_gone(
    appends: Appends, store: Mailboxes, account: Account, owner: Owner
) -> None:
    await appends.store(account.account_id, "INBOX", [letter(), letter()])
    before = one(owner, "SELECT count(*) FROM chatmail.body")
    await store.create(account.account_id, "a")
    for _ in range(2):
        assert isinstance(await store.copy(account.mailbox_id, [1, 2], "a"), Put)
    done = await store.copy(account.mailbox_id, [1], "INBOX")
    assert isinstance(done, Put)
    assert_balanced(owner)
    await store.move(account.mailbox_id, [1, done.first_uid], "a")
    assert_balanced(owner)
    assert one(owner, "SELECT count(*) FROM chatmail.body") == before
    await store.delete(account.account_id, "a")
    assert_balanced(owner)
    await store.add_flags(account.mailbox_id, [2], Flag.DELETED)
    await store.expunge(account.mailbox_id, [2])
    assert_balanced(owner)
    assert one(owner, "SELECT count(*) FROM chatmail.body") == before - 2


async def test_full_is_counted_over_all_mailboxes(
    appends: Appends, store: Mailboxes, account: Account, owner: Owner, submission: Database
) -> None:
    async def has_room() -> bool:
        (found,) = await Recipients(submission.read, QUOTA).find([parse(address)])
        assert found is not None
        return found.has_room

    address = one(owner, "SELECT address FROM chatmail.account WHERE id = %s", account.account_id)
    owner.execute(b"UPDATE chatmail.account SET quota = %s WHERE id = %s", (len(SMALL), account.account_id))
    await store.create(account.account_id, "a")
    await appends.store(account.account_id, "a", [letter()])
    assert not await has_room()
    assert is_full(owner, account)
    await store.delete(account.account_id, "a")
    assert await has_room()
    assert not is_full(owner, account), "the first one"
    assert not await has_room()
    assert is_full(owner, account)


def is_full(owner: Owner, account: Account) -> bool:
    """Deliver as the doors do; return whether the mailbox was full."""
    try:
        put(owner, message(account.mailbox_id, body=SMALL, salt=next(_salts)))
    except psycopg.Error as error:
        return error.sqlstate == FULL
    return False
