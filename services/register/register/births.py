"""How an address is born on the web.

Strategy: where registration is open, nothing is stored: name and password are made up, and the first login makes the
account, so that a flood of requests leaves no rows behind. With a token the account is made here, in one transaction
with the use of the token. The kind of registration in force is the database's word, remembered for two seconds: that
read is also how the service knows that the database answers.
"""

import asyncio
import re
import time
from collections.abc import Awaitable, Callable
from typing import Protocol

from register import refusal
from shared.address import Address
from shared.metrics import catalog
from shared.policy.accounts import RandomBytes, Rules, mint
from shared.storage.errors import Unavailable

REMEMBERED_SECONDS = 2.0
ATTEMPTS = 5  # a made-up name is taken once in a hundred million million times

_TOKEN = re.compile(r"[!-~]{1,128}")


class Accounts(Protocol):
    """What the web service needs of the database. Every method may raise Unavailable."""

    async def registration(self) -> str:
        """Return the kind of registration in force: "open", "closed" or "token"."""

    async def create_with_token(self, token: str, address: Address, password_hash: str) -> str:
        """Make the account and use the token up by one, or neither: "created", "taken" or "bad token"."""


HashPassword = Callable[[str], Awaitable[str]]  # raises Unavailable where too many wait


class Births:
    """Gives addresses, as the kind of registration in force allows."""

    def __init__(
        self,
        accounts: Accounts,
        hash_password: HashPassword,
        random_bytes: RandomBytes,
        rules: Rules,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._accounts = accounts
        self._hash_password = hash_password
        self._random_bytes = random_bytes
        self._rules = rules
        self._clock = clock
        self._asking = asyncio.Lock()
        self._registration = ""
        self._asked_at = float("-inf")

    async def registration(self) -> str:
        """Return the kind of registration in force; raise a refusal while the database is away."""
        async with self._asking:  # one question for all who wait
            if self._clock() - self._asked_at >= REMEMBERED_SECONDS:
                try:
                    self._registration = await self._accounts.registration()
                except Unavailable:
                    raise refusal.away() from None
                self._asked_at = self._clock()
        return self._registration

    async def give(self, domain: str, token: str) -> tuple[Address, str]:
        """Return an address on a domain of ours and its password, which can log in from now on, or raise a refusal."""
        registration = await self.registration()
        if registration == "open":
            return self._mint(domain)
        if registration != "token":
            raise refusal.closed()
        if not token:
            raise refusal.token_needed()
        if not _TOKEN.fullmatch(token):
            raise refusal.bad_token()
        return await self._give_for(domain, token)

    async def _give_for(self, domain: str, token: str) -> tuple[Address, str]:
        for _ in range(ATTEMPTS):
            address, password = self._mint(domain)
            try:
                password_hash = await self._hash_password(password)
                outcome = await self._accounts.create_with_token(token, address, password_hash)
            except Unavailable:
                raise refusal.away() from None
            if outcome == "created":
                catalog.BIRTHS.count("token")
                return address, password
            if outcome == "bad token":
                raise refusal.bad_token()
        raise refusal.away()

    def _mint(self, domain: str) -> tuple[Address, str]:
        minted = mint(self._random_bytes, self._rules)
        return Address(minted.local, domain), minted.password
