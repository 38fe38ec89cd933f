"""What wakes an account's devices: kept for the devices by imap, told by the worker.

Strategy: a delivery notes the account (`push_due`), and nothing else, so that it waits for nobody's telling. A worker
turns accounts into tokens that are due and takes them for a time (`claim`): whoever dies leaves them to the next one.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

from shared.policy.push import MAX_TOKENS, VALID_DAYS
from shared.storage.database import Database
from shared.storage.lane import Connection, Lane
from shared.storage.operation import Light

SET = b"SELECT chatmail.set_push_tokens(%b::bigint[], %b::bytea[], %b)"
FORGET = b"SELECT chatmail.forget_push_tokens(%b::bigint[])"
TOKENS = b"""
SELECT q.ix, array_agg(t.token ORDER BY t.id) FROM unnest(%b::bigint[]) WITH ORDINALITY q(account_id, ix)
JOIN chatmail.push_token t ON t.account_id = q.account_id AND t.set_at > now() - make_interval(days => %b)
GROUP BY q.ix
"""
CLAIM = b"SELECT id, token, attempts, age FROM chatmail.claim_pushes(%b, %b, %b)"
SETTLE = b"SELECT chatmail.settle_pushes(%b::bigint[], %b::float8[])"
REMOVE = b"SELECT chatmail.remove_push_tokens(%b::bigint[])"
EXPIRE = b"SELECT chatmail.expire_push_tokens(%b, %b)"

EXPIRED_A_STEP = 1000


class _Set(Light):
    def key(self, item: tuple[int, bytes], /) -> Hashable:
        return item[0]  # one row cannot be refreshed twice by one statement

    def weight(self, item: tuple[int, bytes], /) -> int:
        return len(item[1])

    async def run(self, connection: Connection, items: Sequence[tuple[int, bytes]]) -> list[None]:
        accounts, tokens = [item[0] for item in items], [item[1] for item in items]
        await connection.execute(SET, (accounts, tokens, MAX_TOKENS), binary=True)
        return [None] * len(items)


class _Forget(Light):
    async def run(self, connection: Connection, items: Sequence[int]) -> list[None]:
        await connection.execute(FORGET, (list(items),), binary=True)
        return [None] * len(items)


class _Tokens(Light):
    limit = 32

    async def run(self, connection: Connection, items: Sequence[int]) -> list[list[bytes]]:
        found: list[list[bytes]] = [[] for _ in items]
        rows = await connection.execute(TOKENS, (list(items), VALID_DAYS), binary=True)
        for index, tokens in rows:
            found[index - 1] = tokens
        return found


class Tokens:
    """An account's device tokens: `imap.store.Tokens`, fulfilled without importing it; raises Unavailable."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._set, self._forget, self._tokens = _Set(), _Forget(), _Tokens()

    async def set_token(self, account_id: int, token: bytes) -> None:
        """Keep a token, or keep it for longer; on return it is durable."""
        await self._database.durable.submit(self._set, (account_id, token))

    async def forget_tokens(self, account_id: int) -> None:
        """Forget every token of the account; on return this is durable."""
        await self._database.durable.submit(self._forget, account_id)

    async def tokens(self, account_id: int) -> Sequence[bytes]:
        """Return the tokens that are valid, in the order in which they first came."""
        return await self._database.read.submit(self._tokens, account_id)


@dataclass(frozen=True, slots=True)
class Due:
    """A token to be told now; it failed `attempts` times since the mail came, `age` seconds ago."""

    token_id: int
    token: bytes
    attempts: int
    age: float


_Claiming = tuple[int, float, float]  # how many, lease, patience


class _Claim(Light):
    limit = 1

    async def run(self, connection: Connection, items: Sequence[_Claiming]) -> list[list[Due]]:
        (parameters,) = items
        rows = await connection.execute(CLAIM, parameters, binary=True)
        return [[Due(*row) for row in rows]]


class _Settle(Light):
    def key(self, item: tuple[int, float | None], /) -> Hashable:
        return item[0]

    async def run(self, connection: Connection, items: Sequence[tuple[int, float | None]]) -> list[None]:
        await connection.execute(SETTLE, ([item[0] for item in items], [item[1] for item in items]), binary=True)
        return [None] * len(items)


class _Remove(Light):
    async def run(self, connection: Connection, items: Sequence[int]) -> list[None]:
        await connection.execute(REMOVE, (list(items),), binary=True)
        return [None] * len(items)


class _Expire(Light):
    limit = 1

    async def run(self, connection: Connection, items: Sequence[Any]) -> list[int]:
        row = next(iter(await connection.execute(EXPIRE, (VALID_DAYS, EXPIRED_A_STEP), binary=True)), None)
        return [row[0] if row else 0]


class Pushes:
    """The worker's side, on one lane; every method raises Unavailable while Postgres is away.

    What is lost with a lane that commits late is told twice, which does no harm.
    """

    def __init__(self, lane: Lane) -> None:
        self._lane = lane
        self._claim, self._settle, self._remove, self._expire = _Claim(), _Settle(), _Remove(), _Expire()

    async def claim(self, most: int, lease: float, patience: float) -> list[Due]:
        """Take up to `most` tokens that are due; nobody else does for `lease` seconds.

        Those whose mail came more than `patience` seconds ago are given up.
        """
        return await self._lane.submit(self._claim, (most, lease, patience))

    async def done(self, token_id: int) -> None:
        """Note that a device is told, or given up; it is due again if mail came since it was claimed."""
        await self._lane.submit(self._settle, (token_id, None))

    async def again(self, token_id: int, seconds: float) -> None:
        """Note a failure; the token is due again in so many seconds."""
        await self._lane.submit(self._settle, (token_id, seconds))

    async def remove(self, token_id: int) -> None:
        """Remove a token that the push service does not know."""
        await self._lane.submit(self._remove, token_id)

    async def expire(self) -> int:
        """Remove tokens past their time, a bounded number; return how many."""
        return await self._lane.submit(self._expire, None)
