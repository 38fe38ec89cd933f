"""A database with its services' lanes, and accounts to play with."""

import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from itertools import count
from typing import Any

import psycopg
import pytest

from shared.address import parse
from shared.storage.accounts import Account, Accounts
from shared.storage.database import Database, connect
from shared.storage.deliveries import Deliveries, Incoming

QUOTA = 1_000_000
_numbers = count(1)


@pytest.fixture
async def submission(database_urls: dict[str, str]) -> AsyncIterator[Database]:
    database = await connect(database_urls["submission"], "submission")
    yield database
    await database.close()


@pytest.fixture
async def imap(database_urls: dict[str, str]) -> AsyncIterator[Database]:
    database = await connect(database_urls["imap"], "imap")
    yield database
    await database.close()


@pytest.fixture
def owner(database_urls: dict[str, str]) -> Iterator[psycopg.Connection[tuple[Any, ...]]]:
    with psycopg.connect(database_urls["postgres"], autocommit=True) as connection:
        yield connection


def one(owner: psycopg.Connection[tuple[Any, ...]], statement: str, *arguments: object) -> Any:
    """Ask the owner for one value."""
    row = owner.execute(statement.encode(), arguments).fetchone()
    assert row is not None
    return row[0]


def message(*mailbox_ids: int, body: bytes = b"Subject: x\r\n\r\nbody\r\n", salt: object = "") -> Incoming:
    """A message for the mailboxes; another `salt` makes it another message."""
    return Incoming(mailbox_ids, body, body.index(b"\r\n\r\n") + 4, hashlib.sha256(body + str(salt).encode()).digest())


@pytest.fixture
def deliveries(submission: Database, database_urls: dict[str, str]) -> Iterator[Deliveries]:
    deliveries = Deliveries(submission.durable, database_urls["submission"], QUOTA)
    yield deliveries
    deliveries.close()


@pytest.fixture
def make_account(submission: Database) -> Callable[[], Awaitable[Account]]:
    accounts = Accounts(submission, "open")

    async def make() -> Account:
        address = parse(f"someone{next(_numbers)}@example.org")
        assert await accounts.admit(address, "hash")
        account = await accounts.find(address)
        assert isinstance(account, Account)
        return account

    return make


MakeAccount = Callable[[], Awaitable[Account]]
