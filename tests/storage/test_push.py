"""Device tokens and who is to be told, on Postgres: kept for the devices, claimed by one worker, settled once."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import psycopg
import pytest
from psycopg import errors

from shared.policy.push import VALID_DAYS
from shared.storage.accounts import Account
from shared.storage.database import Database, connect
from shared.storage.push import Pushes, Tokens
from tests.storage.conftest import MakeAccount, one
from tests.unit.imap.tokens_contract import TokensContract

Owner = psycopg.Connection[tuple[Any, ...]]
LEASE, PATIENCE = 60.0, 18000.0


@pytest.fixture
async def worker(database_urls: dict[str, str], owner: Owner) -> AsyncIterator[Database]:
    owner.execute(b"TRUNCATE chatmail.push_token, chatmail.push_due")
    database = await connect(database_urls["queue_worker"], "queue-worker")
    yield database
    await database.close()


@pytest.fixture
def pushes(worker: Database) -> Pushes:
    return Pushes(worker.lazy)


@pytest.fixture
def tokens(imap: Database) -> Tokens:
    return Tokens(imap)


@pytest.fixture
async def account(make_account: MakeAccount) -> Account:
    return await make_account()


class TestTokens(TokensContract):
    @pytest.fixture
    def tokens(self, imap: Database) -> Tokens:
        return Tokens(imap)

    @pytest.fixture
    def account_id(self, account: Account) -> int:
        return account.account_id


def wants_push(owner: Owner, account: Account) -> bool:
    return bool(one(owner, "SELECT wants_push FROM chatmail.mailbox WHERE id = %s", account.mailbox_id))


def note(owner: Owner, *accounts: Account) -> None:
    """Do what a delivery does."""
    owner.execute(b"SELECT chatmail.note_push(%s)", ([account.mailbox_id for account in accounts],))


def age(owner: Owner, column: str, interval: str) -> None:
    owner.execute(f"UPDATE chatmail.push_token SET {column} = {column} - interval '{interval}'".encode())


async def told(pushes: Pushes, most: int = 100) -> list[bytes]:
    return sorted(due.token for due in await pushes.claim(most, LEASE, PATIENCE))


async def test_a_mailbox_wants_push_while_its_account_has_tokens(
    tokens: Tokens, account: Account, owner: Owner
) -> None:
    assert not wants_push(owner, account)
    await tokens.set_token(account.account_id, b"one")
    assert wants_push(owner, account)
    await tokens.forget_tokens(account.account_id)
    assert not wants_push(owner, account)


async def test_an_account_that_is_gone_gets_no_tokens(tokens: Tokens, owner: Owner) -> None:
    await tokens.set_token(987_654_321, b"one")
    assert one(owner, "SELECT count(*) FROM chatmail.push_token WHERE account_id = 987654321") == 0


async def test_many_devices_at_once(tokens: Tokens, make_account: MakeAccount) -> None:
    accounts = [await make_account() for _ in range(3)]
    names = [b"device-%d" % number for number in range(5)]
    await asyncio.gather(*(tokens.set_token(account.account_id, name) for account in accounts for name in names))
    for account in accounts:
        assert sorted(await tokens.tokens(account.account_id)) == names


async def test_new_mail_makes_every_token_of_the_account_due_once(
    tokens: Tokens, pushes: Pushes, account: Account, make_account: MakeAccount, owner: Owner
) -> None:
    other = await make_account()
    for name in (b"one", b"two"):
        await tokens.set_token(account.account_id, name)
    await tokens.set_token(other.account_id, b"other")
    note(owner, account)
    note(owner, account)
    assert await told(pushes) == [b"one", b"two"]
    assert await told(pushes) == []


async def test_no_more_are_claimed_than_asked_for_the_oldest_first(
    tokens: Tokens, pushes: Pushes, make_account: MakeAccount, owner: Owner
) -> None:
    for number in range(5):
        account = await make_account()
        await tokens.set_token(account.account_id, b"%d" % number)
        note(owner, account)
    assert len(await told(pushes, 2)) == 2
    assert len(await told(pushes, 2)) == 2
    assert len(await told(pushes, 2)) == 1


async def test_two_workers_never_claim_the_same(
    tokens: Tokens, database_urls: dict[str, str], worker: Database, make_account: MakeAccount, owner: Owner
) -> None:
    accounts = [await make_account() for _ in range(30)]
    for account in accounts:
        await tokens.set_token(account.account_id, b"%d" % account.account_id)
    note(owner, *accounts)
    second = await connect(database_urls["queue_worker"], "queue-worker")
    lanes = [worker.lazy, worker.read, second.lazy, second.read]
    claimed: list[bytes] = []

    async def work(pushes: Pushes) -> None:
        for _ in range(12):
            claimed.extend(await told(pushes, 3))

    await asyncio.gather(*(work(Pushes(lane)) for lane in lanes))
    await second.close()
    assert sorted(claimed) == sorted(b"%d" % account.account_id for account in accounts)


async def test_a_claim_that_nobody_settles_ends(tokens: Tokens, pushes: Pushes, account: Account, owner: Owner) -> None:
    await tokens.set_token(account.account_id, b"one")
    note(owner, account)
    assert await told(pushes) == [b"one"]
    age(owner, "next_at", "59 seconds")
    assert await told(pushes) == []
    age(owner, "next_at", "2 seconds")
    assert await told(pushes) == [b"one"]


async def test_a_failure_is_due_again_when_it_is_said_and_counted(
    tokens: Tokens, pushes: Pushes, account: Account, owner: Owner
) -> None:
    await tokens.set_token(account.account_id, b"one")
    note(owner, account)
    (due,) = await pushes.claim(1, LEASE, PATIENCE)
    assert (due.token, due.attempts) == (b"one", 0)
    assert due.age < 60
    await pushes.again(due.token_id, 64)
    assert await told(pushes) == []
    age(owner, "next_at", "65 seconds")
    (due,) = await pushes.claim(1, LEASE, PATIENCE)
    assert due.attempts == 1
    await pushes.done(due.token_id)
    age(owner, "next_at", "1 day")
    assert await told(pushes) == []
    note(owner, account)
    (due,) = await pushes.claim(1, LEASE, PATIENCE)
    assert due.attempts == 0


async def test_mail_while_a_token_waits_is_told_together(
    tokens: Tokens, pushes: Pushes, account: Account, owner: Owner
) -> None:
    await tokens.set_token(account.account_id, b"one")
    note(owner, account)
    (due,) = await pushes.claim(1, LEASE, PATIENCE)
    await pushes.again(due.token_id, 64)
    note(owner, account)
    assert await told(pushes) == []
    age(owner, "next_at", "65 seconds")
    (due,) = await pushes.claim(1, LEASE, PATIENCE)
    await pushes.done(due.token_id)
    assert await told(pushes) == []


async def test_mail_while_a_token_is_told_is_told_afterwards(
    tokens: Tokens, pushes: Pushes, account: Account, owner: Owner
) -> None:
    await tokens.set_token(account.account_id, b"one")
    note(owner, account)
    (due,) = await pushes.claim(1, LEASE, PATIENCE)
    note(owner, account)
    assert await told(pushes) == []
    await pushes.done(due.token_id)
    assert await told(pushes) == [b"one"]


async def test_what_is_too_old_is_given_up_unless_there_is_newer_mail(
    tokens: Tokens, pushes: Pushes, account: Account, make_account: MakeAccount, owner: Owner
) -> None:
    other = await make_account()
    for who, name in ((account, b"old"), (other, b"renewed")):
        await tokens.set_token(who.account_id, name)
        note(owner, who)
    for due in await pushes.claim(2, LEASE, PATIENCE):
        await pushes.again(due.token_id, 1)
    note(owner, other)
    assert await told(pushes) == []
    age(owner, "next_at", "6 hours")
    age(owner, "first_due", "6 hours")
    assert await told(pushes) == [b"renewed"]


async def test_mail_noted_long_ago_is_given_up(tokens: Tokens, pushes: Pushes, account: Account, owner: Owner) -> None:
    await tokens.set_token(account.account_id, b"one")
    note(owner, account)
    owner.execute(b"UPDATE chatmail.push_due SET since = since - interval '6 hours'")
    assert await told(pushes) == []
    assert one(owner, "SELECT count(*) FROM chatmail.push_due") == 0


async def test_the_last_token_removed_ends_the_wish(
    tokens: Tokens, pushes: Pushes, account: Account, owner: Owner
) -> None:
    for name in (b"one", b"two"):
        await tokens.set_token(account.account_id, name)
    note(owner, account)
    first, second = await pushes.claim(2, LEASE, PATIENCE)
    await pushes.remove(first.token_id)
    assert wants_push(owner, account)
    assert list(await tokens.tokens(account.account_id)) == [second.token]
    await pushes.remove(second.token_id)
    assert not wants_push(owner, account)
    await pushes.done(second.token_id)  # nothing left to settle, and no harm


async def test_tokens_end_unless_their_device_sets_them(
    tokens: Tokens, pushes: Pushes, account: Account, owner: Owner
) -> None:
    for name in (b"lost", b"used"):
        await tokens.set_token(account.account_id, name)
    age(owner, "set_at", f"{VALID_DAYS} days")
    await tokens.set_token(account.account_id, b"used")
    assert list(await tokens.tokens(account.account_id)) == [b"used"]
    assert await pushes.expire() == 1
    assert await pushes.expire() == 0
    assert wants_push(owner, account)
    age(owner, "set_at", f"{VALID_DAYS} days")
    assert await pushes.expire() == 1
    assert not wants_push(owner, account)


async def test_a_removed_account_leaves_nothing(tokens: Tokens, account: Account, owner: Owner) -> None:
    await tokens.set_token(account.account_id, b"one")
    note(owner, account)
    owner.execute(b"SELECT chatmail.remove_account(%s)", (account.account_id,))
    left = "SELECT (SELECT count(*) FROM chatmail.push_token) + (SELECT count(*) FROM chatmail.push_due)"
    assert one(owner, left) == 0


@pytest.mark.parametrize("act", ["set", "forget", "remove"])
async def test_who_waits_for_a_mailbox_holds_nothing_a_delivery_could_wait_for(
    imap: Database, pushes: Pushes, account: Account, owner: Owner, act: str
) -> None:
    tokens = Tokens(Database(imap.lazy, imap.lazy, imap.read))  # the patient lane
    await tokens.set_token(account.account_id, b"one")
    token_id = one(owner, "SELECT id FROM chatmail.push_token")
    note(owner, account)
    with owner.transaction():
        owner.execute(b"SELECT FROM chatmail.mailbox WHERE id = %s FOR UPDATE", (account.mailbox_id,))
        acts = {
            "set": lambda: tokens.set_token(account.account_id, b"one"),
            "forget": lambda: tokens.forget_tokens(account.account_id),
            "remove": lambda: pushes.remove(token_id),
        }
        waiting = asyncio.create_task(acts[act]())
        await until_one_waits(owner)
        assert not waiting.done()
        owner.execute(b"SELECT FROM chatmail.push_token FOR UPDATE NOWAIT")
        owner.execute(b"SELECT FROM chatmail.push_due FOR UPDATE NOWAIT")
    await waiting


async def test_a_claim_waits_for_no_delivery(tokens: Tokens, pushes: Pushes, account: Account, owner: Owner) -> None:
    await tokens.set_token(account.account_id, b"one")
    note(owner, account)
    with owner.transaction():
        owner.execute(b"SELECT FROM chatmail.mailbox WHERE id = %s FOR UPDATE", (account.mailbox_id,))
        async with asyncio.timeout(4):  # below the lane's patience with a lock
            assert await told(pushes) == [b"one"]


async def until_one_waits(owner: Owner) -> None:
    async with asyncio.timeout(4):
        while not one(owner, "SELECT count(*) FROM pg_locks WHERE NOT granted"):
            await asyncio.sleep(0.01)


MAY_NOT = [
    ("imap", "SELECT * FROM chatmail.claim_pushes(1, 1, 1)"),
    ("imap", "DELETE FROM chatmail.push_token"),
    ("imap", "SELECT * FROM chatmail.push_due"),
    ("queue_worker", "SELECT token FROM chatmail.push_token"),
    ("queue_worker", "SELECT chatmail.set_push_tokens('{1}', '{a}', 20)"),
    ("queue_worker", "SELECT chatmail.forget_push_tokens('{1}')"),
    ("queue_worker", "SELECT chatmail.forget_tokens('{1}')"),
    ("submission", "SELECT token FROM chatmail.push_token"),
    ("submission", "SELECT chatmail.remove_push_tokens('{1}')"),
    ("smtp_in", "SELECT token FROM chatmail.push_token"),
    ("register", "SELECT token FROM chatmail.push_token"),
    ("operator", "SELECT token FROM chatmail.push_token"),
]


@pytest.mark.parametrize(("role", "statement"), MAY_NOT)
def test_a_role_may_not(database_urls: dict[str, str], role: str, statement: str) -> None:
    with (
        psycopg.connect(database_urls[role], autocommit=True) as connection,
        pytest.raises(errors.InsufficientPrivilege),
    ):
        connection.execute(statement.encode())
