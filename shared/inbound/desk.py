"""What the inbound doors share, written from their side: whom they ask, and what the operator chose."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from shared.address import Address
from shared.inbound.guesses import Guesses
from shared.intake import Intake
from shared.listen.pace import SourcePace
from shared.listen.ticket import Ip
from shared.mail.message import Facts
from shared.policy.pace import Rate
from shared.policy.verdict import Verdict
from shared.storage.recipients import Recipient

REPORTS = Rate(per_minute=20, burst=20)  # messages of one source of which a report may be due


class Recipients(Protocol):
    """`shared.storage.recipients.Recipients`."""

    async def find(self, addresses: Sequence[Address]) -> list[Recipient | None]:
        """Return the mailbox of each address, or None; raise Unavailable."""


class Federation(Protocol):
    """`shared.storage.federation.Federation`."""

    async def may_pass(self, domain: str) -> bool:
        """Tell whether the operator lets mail pass between us and this domain; raise Unavailable."""


class Origins(Protocol):
    """`shared.inbound.origin.Origins`."""

    async def judge(self, raw: bytes, facts: Facts, sender: Address | None, peer: Ip, helo: str) -> Verdict:
        """Say whether a message may be its author's."""


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


@dataclass(frozen=True, slots=True)
class Desk:
    """The rooms a door asks. `domains` are ours; `pace` counts messages of a source, `guesses` the unknown users that
    it and its senders name, and `reports` its messages that some of their recipients do not get.

    `plain_for` are addresses that may have verified cleartext, `unsigned_from` domains that need not sign.
    """

    recipients: Recipients
    federation: Federation
    origins: Origins
    intake: Intake
    database: Database
    disk: Disk
    hostname: str
    domains: frozenset[str]
    pace: SourcePace
    plain_for: frozenset[str] = frozenset()
    unsigned_from: frozenset[str] = frozenset()
    guesses: Guesses = field(default_factory=Guesses)
    reports: SourcePace = field(default_factory=lambda: SourcePace(REPORTS))
