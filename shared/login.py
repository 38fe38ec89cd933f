"""Who are you: the one login of IMAP and submission, where accounts are also born.

Strategy: the account's row is read at every login (many together), so bans and new passwords hold at once. A password
is checked against, in this order: what this process verified before, what any replica did (Redis), and argon2id in
a small pool of threads. The first two keep keyed hashes that also cover the stored password hash. An unknown name
costs the same hash as a wrong password, and every refusal looks alike.
"""

import hashlib
import hmac
import time
from collections import OrderedDict
from dataclasses import dataclass

from shared.address import Address, AddressError, parse_login
from shared.policy import accounts as policy
from shared.policy.pace import Rate, step
from shared.queue.logins import Logins
from shared.storage import passwords
from shared.storage.accounts import Account, Accounts, Barred

REMEMBERED = 100_000

# Failures forgive themselves: per name and source, and per source over all names.
FAILURES_A_NAME = Rate(per_minute=6, burst=5)
FAILURES_A_SOURCE = Rate(per_minute=20, burst=20)
BIRTHS_A_SOURCE = Rate(per_minute=10, burst=50)


class BadCredentials(Exception):
    """Unknown name, wrong password, banned, or not to be born: told alike."""


class TooOften(Exception):
    """Too many failures, or too many births, from this source."""


@dataclass(frozen=True, slots=True)
class LoggedIn:
    """An account that has shown its password; `mailbox_id` is its INBOX."""

    account_id: int
    mailbox_id: int
    address: Address


class Login:
    """Lets people in, and lets their accounts be born where they may."""

    def __init__(self, accounts: Accounts, logins: Logins, key: bytes, rules: policy.Rules) -> None:
        self._accounts = accounts
        self._logins = logins
        self._key = key
        self._rules = rules
        self._verified: OrderedDict[int, bytes] = OrderedDict()
        self._attempts = _Attempts()

    async def authenticate(self, name: str, password: str, source: str) -> LoggedIn:
        """Return who this is; raise BadCredentials, TooOften, or Unavailable. `source` is a keyed hash."""
        self._attempts.check(name, source)
        try:
            address = parse_login(name)
            found = await self._accounts.find(address)
            if found is None:
                found = await self._be_born(address, password, source)
            account = await self._verified_account(found, password)
        except (AddressError, BadCredentials):
            self._attempts.failed(name, source)
            raise BadCredentials from None
        if not account.was_seen_today:
            await self._accounts.saw_login(account.account_id)
        return LoggedIn(account.account_id, account.mailbox_id, address)

    async def _be_born(self, address: Address, password: str, source: str) -> Account | Barred | None:
        if policy.judge(address, password, self._rules) is not policy.Judgement.ACCEPTED:
            return None
        if await self._accounts.registration() != "open":
            return None
        self._attempts.born(source)
        password_hash = await passwords.hash_password(password)
        await self._accounts.admit(address, password_hash)
        # Whoever was first, this is the account now: the password decides, as at any login.
        account = await self._accounts.find(address)
        if isinstance(account, Account) and account.password_hash == password_hash:
            await self._remember(account.account_id, self._digest(account, password))
        return account

    async def _verified_account(self, found: Account | Barred | None, password: str) -> Account:
        if not isinstance(found, Account) or not policy.may_be_password(password):
            await passwords.is_right(passwords.NOBODY, "")
            raise BadCredentials
        digest = self._digest(found, password)
        if self._verified.get(found.account_id) != digest:
            await self._verify_slowly(found, password, digest)
        return found

    async def _verify_slowly(self, account: Account, password: str, digest: bytes) -> None:
        kept = await self._logins.recall(account.account_id)
        is_known = kept is not None and hmac.compare_digest(kept, digest)
        if not is_known and not await passwords.is_right(account.password_hash, password):
            raise BadCredentials
        await self._remember(account.account_id, digest)

    async def _remember(self, account_id: int, digest: bytes) -> None:
        self._verified[account_id] = digest
        self._verified.move_to_end(account_id)
        if len(self._verified) > REMEMBERED:
            self._verified.popitem(last=False)
        await self._logins.keep(account_id, digest)

    def _digest(self, account: Account, password: str) -> bytes:
        text = f"{account.account_id}\0{account.password_hash}\0{password}"
        return hashlib.blake2b(text.encode(), key=self._key, digest_size=32).digest()


class _Attempts:
    """Counts failures and births per source, in this process; bounded."""

    MOST = 50_000

    def __init__(self) -> None:
        self._due: OrderedDict[tuple[str, ...], float] = OrderedDict()

    def check(self, name: str, source: str) -> None:
        now = time.monotonic()
        for rate, key in ((FAILURES_A_NAME, ("name", name, source)), (FAILURES_A_SOURCE, ("source", source))):
            if step(rate, self._due.get(key, 0.0), now) is None:
                raise TooOften

    def failed(self, name: str, source: str) -> None:
        self._count(FAILURES_A_NAME, ("name", name, source))
        self._count(FAILURES_A_SOURCE, ("source", source))

    def born(self, source: str) -> None:
        if not self._count(BIRTHS_A_SOURCE, ("born", source)):
            raise TooOften

    def _count(self, rate: Rate, key: tuple[str, ...]) -> bool:
        due = self._due.pop(key, 0.0)
        after = step(rate, due, time.monotonic())
        self._due[key] = due if after is None else after
        if len(self._due) > self.MOST:
            self._due.popitem(last=False)
        return after is not None
