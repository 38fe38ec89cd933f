"""What every connection of the service shares, written from the handler's side."""

from asyncio import Future
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from shared.address import Address
from shared.intake import Intake
from shared.listen.pace import SourcePace, a_second
from shared.listen.ticket import Ip
from shared.login import LoggedIn
from shared.storage.recipients import Recipient

MESSAGES_A_SECOND = 50  # of one source: many people may share one
ACCOUNT_CONNECTIONS = 20  # in one process; a client uses one or two, and an account may have many clients


class Login(Protocol):
    """`shared.login.Login`."""

    async def authenticate(self, name: str, password: str, source: str) -> LoggedIn:
        """Return who this is; raise BadCredentials, TooOften or Unavailable."""


class Recipients(Protocol):
    """`shared.storage.recipients.Recipients`."""

    async def find(self, addresses: Sequence[Address]) -> list[Recipient | None]:
        """Return the mailbox of each address, or None; raise Unavailable."""


class Federation(Protocol):
    """`shared.storage.federation.Federation`."""

    async def may_pass(self, domain: str) -> bool:
        """Tell whether mail may pass between us and this domain; raise Unavailable."""


class Pace(Protocol):
    """`shared.queue.pace.Pace`."""

    def may_send(self, account_id: int, times: int = 1) -> Future[bool]:
        """Count one event, or so many, at once; the future tells whether they may go."""


class Database(Protocol):
    """`shared.storage.database.Database`."""

    @property
    def is_available(self) -> bool:
        """Postgres can be asked."""


class Disk(Protocol):
    """`shared.listen.disk.Disk`."""

    @property
    def is_low(self) -> bool:
        """There is no room for more mail."""


class LoginTicket(Protocol):
    """`shared.listen.ticket.Ticket`, as login needs it."""

    source: str
    peer: Ip
    is_closed: bool
    on_closed: Callable[[], None]

    def release(self) -> None:
        """Count no longer against the source."""


class Places:
    """The connections of each account that has logged in, at most ACCOUNT_CONNECTIONS: no source limits them then."""

    def __init__(self) -> None:
        self._taken: Counter[int] = Counter()

    def take(self, account_id: int) -> bool:
        """Count one more connection, or return False if it is one too many."""
        if self._taken[account_id] >= ACCOUNT_CONNECTIONS:
            return False
        self._taken[account_id] += 1
        return True

    def give_back(self, account_id: int) -> None:
        """Count one connection less."""
        self._taken[account_id] -= 1
        if not self._taken[account_id]:
            del self._taken[account_id]


@dataclass(frozen=True, slots=True)
class Desk:
    """The rooms a handler asks; `domains` are ours, `sources` counts the messages of each source.

    `pace` counts an account's messages, `pace_elsewhere` its recipients at other servers.
    """

    login: Login
    recipients: Recipients
    federation: Federation
    pace: Pace
    pace_elsewhere: Pace
    intake: Intake
    database: Database
    disk: Disk
    domains: frozenset[str]
    sources: SourcePace = field(default_factory=lambda: SourcePace(a_second(MESSAGES_A_SECOND)))
    places: Places = field(default_factory=Places)
