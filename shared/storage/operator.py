"""What the operator's command asks of the store; synchronous, in the role `operator`."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Self

from shared.address import Address
from shared.storage.operator_certificates import OperatorCertificates
from shared.storage.operator_connection import OperatorConnection
from shared.storage.operator_queue import OperatorQueue
from shared.storage.operator_rules import OperatorRules

_ACCOUNT = """
SELECT a.address, a.born, l.day, coalesce(sum(b.messages), 0)::bigint, coalesce(sum(b.bytes), 0)::bigint, a.quota,
    EXISTS (SELECT FROM chatmail.barred x WHERE x.address = a.address)
FROM chatmail.account a
LEFT JOIN chatmail.last_login l ON l.account_id = a.id
LEFT JOIN chatmail.mailbox b ON b.account_id = a.id
"""
LIST_ACCOUNTS = f"{_ACCOUNT} GROUP BY a.id, l.day ORDER BY a.address"
SHOW_ACCOUNT = f"{_ACCOUNT} WHERE a.address = %s GROUP BY a.id, l.day"
LIST_BARRED = "SELECT address, reason, since FROM chatmail.barred ORDER BY address"
LIST_TOKENS = "SELECT token, uses, expires, note, made FROM chatmail.token ORDER BY made, token"
DKIM_RECORDS = "SELECT domain, selector, record FROM chatmail.dkim_key ORDER BY domain, selector"
STATUS = """
SELECT (SELECT count(*) FROM chatmail.account), coalesce(sum(b.messages), 0)::bigint, coalesce(sum(b.bytes), 0)::bigint
FROM chatmail.mailbox b
"""


@dataclass(frozen=True, slots=True)
class AccountLine:
    """An account in a list; sizes in octets, `quota` None where the setting holds."""

    address: str
    born: date
    last_login: date | None
    messages: int
    bytes: int
    quota: int | None
    is_barred: bool


@dataclass(frozen=True, slots=True)
class BarredLine:
    """An address that is not born again: 'deleted' or 'banned'."""

    address: str
    reason: str
    since: date


@dataclass(frozen=True, slots=True)
class TokenLine:
    """A registration token; `uses` counts how often it may still be used."""

    token: str
    uses: int
    expires: datetime | None
    note: str
    made: date


@dataclass(frozen=True, slots=True)
class DkimRecord:
    """What to publish as TXT at `selector`._domainkey.`domain`."""

    domain: str
    selector: str
    record: str


@dataclass(frozen=True, slots=True)
class Totals:
    """The store in numbers."""

    accounts: int
    messages: int
    bytes: int


class Operator:
    """One connection for one command; raises Unavailable.

    `queue` is what waits for other servers, `rules` what holds about them, `certificates` how an authority is asked.
    """

    def __init__(self, url: str) -> None:
        self._connection = OperatorConnection(url)
        self.queue = OperatorQueue(self._connection)
        self.rules = OperatorRules(self._connection)
        self.certificates = OperatorCertificates(self._connection)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def create_account(self, address: Address, password_hash: str) -> bool:
        """Make an account, reserved names too; false if it exists or is banned."""
        return bool(self._connection.call("operator_create_account", str(address), password_hash))

    def list_accounts(self) -> list[AccountLine]:
        return [AccountLine(*row) for row in self._connection.rows(LIST_ACCOUNTS)]

    def show_account(self, address: Address) -> AccountLine | None:
        rows = self._connection.rows(SHOW_ACCOUNT, str(address))
        return AccountLine(*rows[0]) if rows else None

    def set_password(self, address: Address, password_hash: str) -> bool:
        """Change the password; false if there is no such account."""
        return bool(self._connection.call("operator_set_password", str(address), password_hash))

    def delete_account(self, address: Address) -> bool:
        """Remove the account and its mail; its address is not born again at a login."""
        return bool(self._connection.call("operator_delete_account", str(address)))

    def ban(self, address: Address) -> None:
        """Shut an address out, born or not: no login, no mail, no birth; its mail stays."""
        self._connection.call("operator_ban", str(address))

    def unban(self, address: Address) -> bool:
        """Let a banned or deleted address back in; false if it was neither."""
        return bool(self._connection.call("operator_unban", str(address)))

    def list_barred(self) -> list[BarredLine]:
        return [BarredLine(*row) for row in self._connection.rows(LIST_BARRED)]

    def registration(self, setting: str) -> str:
        """Return which registration is in force, `setting` being MADDY_REGISTRATION's."""
        return str(self._connection.call("registration", setting))

    def set_registration(self, mode: str) -> None:
        """Make registration 'open', 'closed' or 'token' from now on, whatever the setting says."""
        self._connection.call("operator_set_registration", mode)

    def create_token(self, token: str, uses: int, days: int | None, note: str) -> None:
        """Store a token good for `uses` accounts, for `days` days or for ever."""
        self._connection.call("operator_create_token", token, uses, days, note)

    def list_tokens(self) -> list[TokenLine]:
        return [TokenLine(*row) for row in self._connection.rows(LIST_TOKENS)]

    def delete_token(self, token: str) -> bool:
        return bool(self._connection.call("operator_delete_token", token))

    def totals(self) -> Totals:
        return Totals(*self._connection.rows(STATUS)[0])

    def dkim_records(self) -> list[DkimRecord]:
        """Return the record of every key that signs here."""
        return [DkimRecord(*row) for row in self._connection.rows(DKIM_RECORDS)]
