"""Accounts as the services that let people in need them."""

from collections.abc import Sequence
from dataclasses import dataclass

from shared.address import Address
from shared.storage.database import Database
from shared.storage.lane import Connection
from shared.storage.operation import Light

# One row a question: an account, or what is known of an address without one.
FIND = """
SELECT q.ix, a.id, b.id, a.password_hash, EXISTS (SELECT FROM chatmail.barred x WHERE x.address = q.address),
    coalesce(l.day = current_date, false)
FROM unnest(%b::text[]) WITH ORDINALITY q(address, ix)
LEFT JOIN chatmail.account a ON a.address = q.address
LEFT JOIN chatmail.mailbox b ON b.account_id = a.id AND b.name = 'INBOX'
LEFT JOIN chatmail.last_login l ON l.account_id = a.id
"""
ADMIT = "SELECT chatmail.admit(%b, %b, %b)"
SAW_LOGINS = "SELECT chatmail.saw_logins(%b::bigint[])"
CREATE_WITH_TOKEN = "SELECT chatmail.create_with_token(%b, %b, %b)"  # noqa: S105 (a statement, not a secret)
REGISTRATION = "SELECT chatmail.registration(%b)"


@dataclass(frozen=True, slots=True)
class Account:
    """An account as login sees it; `mailbox_id` is its INBOX."""

    account_id: int
    mailbox_id: int
    password_hash: str
    was_seen_today: bool


@dataclass(frozen=True, slots=True)
class Barred:
    """The address may not be used: banned, or deleted by the operator."""


class _Find(Light):
    limit = 256

    async def run(self, connection: Connection, items: Sequence[str]) -> list[Account | Barred | None]:
        rows = await connection.execute(FIND, (list(items),), binary=True)
        found: list[Account | Barred | None] = [None] * len(items)
        for index, account_id, mailbox_id, password_hash, is_barred, was_seen_today in rows:
            if is_barred:
                found[index - 1] = Barred()
            elif account_id is not None:
                found[index - 1] = Account(account_id, mailbox_id, password_hash, was_seen_today)
        return found


class _SawLogins(Light):
    async def run(self, connection: Connection, items: Sequence[int]) -> list[None]:
        await connection.execute(SAW_LOGINS, (list(items),))
        return [None] * len(items)


class _Call(Light):
    """One function call a batch, its first column as the answer."""

    limit = 1

    def __init__(self, statement: str) -> None:
        self._statement = statement.encode()

    async def run(self, connection: Connection, items: Sequence[Sequence[object]]) -> list[object]:
        row = next(iter(await connection.execute(self._statement, items[0])), None)
        return [row[0] if row else None]


class Accounts:
    """Finds accounts and lets them be born."""

    def __init__(self, database: Database, registration: str) -> None:
        self._database = database
        self._registration = registration
        self._find = _Find()
        self._saw = _SawLogins()
        self._admit = _Call(ADMIT)
        self._create = _Call(CREATE_WITH_TOKEN)
        self._ask = _Call(REGISTRATION)

    async def find(self, address: Address) -> Account | Barred | None:
        """Return the account of `address`, Barred, or None; raise Unavailable."""
        return await self._database.read.submit(self._find, str(address))

    async def admit(self, address: Address, password_hash: str) -> bool:
        """Make the account if registration is open and nobody was first; true if it was born now. Durable."""
        return bool(await self._database.durable.submit(self._admit, (str(address), password_hash, self._registration)))

    async def saw_login(self, account_id: int) -> None:
        """Note that the account was used today."""
        await self._database.lazy.submit(self._saw, account_id)

    async def create_with_token(self, token: str, address: Address, password_hash: str) -> str:
        """Use the token up once and make the account, or neither: 'created', 'taken' or 'bad token'. Durable."""
        return str(await self._database.durable.submit(self._create, (token, str(address), password_hash)))

    async def registration(self) -> str:
        """Return which registration is in force: 'open', 'closed' or 'token'."""
        return str(await self._database.read.submit(self._ask, (self._registration,)))
