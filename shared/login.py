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

from shared import abuse
from shared.address import Address, AddressError, parse_login
from shared.metrics import catalog
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

    word: abuse.Word = "wrong_password"


class TooOften(Exception):
    """Too many failures, or too many births, from this source."""

    word: abuse.Word = "too_many_guesses"


class TooManyBirths(TooOften):
    """As the client sees it, one too many like any other."""

    word: abuse.Word = "too_many_births"


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
        outcome: catalog.Login = "unavailable"
        try:
            who, outcome = await self._let_in(name, password, source)
            return who
        except BadCredentials:
            outcome = "wrong"
            raise
        except TooOften:
            outcome = "limited"
            raise
        finally:
            catalog.LOGINS.count(outcome)

    async def _let_in(self, name: str, password: str, source: str) -> tuple[LoggedIn, catalog.Login]:
        try:
            address = parse_login(name)
        except AddressError:
            self._attempts.reserve(source)
            raise BadCredentials from None
        # Before anything is compared: else a guesser would go on until the answer is another one.
        self._attempts.check(source, str(address))
        found = await self._accounts.find(address)
        outcome: catalog.Login = "ok" if isinstance(found, Account) else "new"
        # Whom we know is let in whatever others at the same source are doing.
        if not isinstance(found, Account) or not await self._is_known(found, password):
            # Counted before the hash, so that many at once are not let through by one; given back if all is well.
            self._attempts.reserve(source, str(address))
            found = await self._prove(address, found, password, source)
            self._attempts.give_back(source, str(address))
        if not found.was_seen_today:
            await self._accounts.saw_login(found.account_id)
        return LoggedIn(found.account_id, found.mailbox_id, address), outcome

    async def _is_known(self, account: Account, password: str) -> bool:
        """Whether this process or any replica has verified the password; a restart must not make all prove it anew."""
        if not policy.may_be_password(password):
            return False
        digest = self._digest(account, password)
        if self._is_verified(account, digest):
            return True
        kept = await self._logins.recall(account.account_id)
        if kept is None or not hmac.compare_digest(kept, digest):
            return False
        await self._remember(account.account_id, digest)
        return True

    def _is_verified(self, account: Account, digest: bytes) -> bool:
        return self._verified.get(account.account_id) == digest

    async def _prove(self, address: Address, found: Account | Barred | None, password: str, source: str) -> Account:
        if found is None:
            found = await self._be_born(address, password, source)
        if not isinstance(found, Account) or not policy.may_be_password(password):
            await passwords.is_right(passwords.NOBODY, "")
            raise BadCredentials
        digest = self._digest(found, password)
        if not self._is_verified(found, digest):  # by its birth
            if not await passwords.is_right(found.password_hash, password):
                raise BadCredentials
            await self._remember(found.account_id, digest)
        return found

    async def _be_born(self, address: Address, password: str, source: str) -> Account | Barred | None:
        if policy.judge(address, password, self._rules) is not policy.Judgement.ACCEPTED:
            return None
        if await self._accounts.registration() != "open":
            return None
        self._attempts.born(source)
        password_hash = await passwords.hash_password(password)
        if await self._accounts.admit(address, password_hash):
            catalog.BIRTHS.count("login")
        # Whoever was first, this is the account now: the password decides, as at any login.
        account = await self._accounts.find(address)
        if isinstance(account, Account) and account.password_hash == password_hash:
            await self._remember(account.account_id, self._digest(account, password))
        return account

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
    """Counts failures and births per source, in this process; bounded in number and size."""

    MOST = 50_000

    def __init__(self) -> None:
        self._due: OrderedDict[bytes, float] = OrderedDict()

    def check(self, source: str, name: str) -> None:
        """Raise TooOften if this name has failed too often at this source."""
        if step(FAILURES_A_NAME, self._due.get(_key("name", source, name), 0.0), time.monotonic()) is None:
            raise TooOften

    def reserve(self, source: str, name: str = "") -> None:
        """Count an attempt as a failure; raise TooOften where there were too many, and count nothing."""
        limits = _limits(source, name)
        if any(step(rate, self._due.get(key, 0.0), time.monotonic()) is None for rate, key in limits):
            raise TooOften
        for rate, key in limits:
            self._count(rate, key)

    def give_back(self, source: str, name: str) -> None:
        """Uncount an attempt that was none."""
        for rate, key in _limits(source, name):
            if key in self._due:
                self._due[key] -= rate.interval

    def born(self, source: str) -> None:
        """Count a birth, or raise TooOften."""
        if not self._count(BIRTHS_A_SOURCE, _key("born", source)):
            raise TooManyBirths

    def _count(self, rate: Rate, key: bytes) -> bool:
        due = self._due.pop(key, 0.0)
        after = step(rate, due, time.monotonic())
        self._due[key] = due if after is None else after
        if len(self._due) > self.MOST:
            self._due.popitem(last=False)
        return after is not None


def _limits(source: str, name: str) -> list[tuple[Rate, bytes]]:
    of_source = (FAILURES_A_SOURCE, _key("source", source))
    return [of_source, (FAILURES_A_NAME, _key("name", source, name))] if name else [of_source]


def _key(*words: str) -> bytes:
    return hashlib.blake2b("\0".join(words).encode(), digest_size=16).digest()
