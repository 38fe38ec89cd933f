"""Mail from strangers' servers: none yet, and each is told why.

Strategy: the frame, the limits and the order of refusals are those of the service that will take mail. Where
`shared.policy.recipients` says otherwise one day, what is accepted comes to `message`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from shared.address import Address
from shared.mail import reply
from shared.mail.reply import Reply
from shared.mail.trouble import Unavailable
from shared.policy.recipients import judge_entering, judge_stranger
from shared.policy.verdict import Reject
from shared.smtp.handler import Envelope
from shared.smtp.spool import Received
from shared.storage.recipients import Recipient
from smtp_in.rejects import Rejects


class Recipients(Protocol):
    """`shared.storage.recipients.Recipients`."""

    async def find(self, addresses: Sequence[Address]) -> list[Recipient | None]:
        """Return the mailbox of each address, or None; raise Unavailable."""


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
    """What every connection of the service shares; `domains` are ours."""

    recipients: Recipients
    database: Database
    disk: Disk
    domains: frozenset[str]
    rejects: Rejects = field(default_factory=Rejects)


class Stranger:
    """One connection from a server we do not know; `source` is a keyed hash."""

    def __init__(self, desk: Desk, source: str) -> None:
        self._desk = desk
        self._source = source

    def welcome(self) -> Reply | None:
        """Let nobody in whose recipients we could not look up."""
        return None if self._desk.database.is_available else reply.UNAVAILABLE

    async def authenticate(self, name: str, password: str) -> Reply:
        """Nobody logs in at this door."""
        return reply.NOT_IMPLEMENTED

    def sender(self, envelope: Envelope) -> Reply:
        """Send our own users to their own door."""
        if self._desk.disk.is_low:
            return reply.NO_SPACE
        envelope.payer = self._source
        verdict = judge_stranger(envelope.mail_from, self._desk.domains)
        return verdict.reply if isinstance(verdict, Reject) else reply.SENDER_OK

    async def recipients(self, envelope: Envelope, addresses: Sequence[Address]) -> Sequence[Reply]:
        """Judge each, as long as the source has not been refused too often."""
        local = [address for address in addresses if address.domain in self._desk.domains]
        try:
            found = dict(zip(local, await self._desk.recipients.find(local), strict=True)) if local else {}
        except Unavailable:
            return [reply.TROUBLE] * len(addresses)
        return [self._judge(address, is_known=found.get(address) is not None) for address in addresses]

    async def message(self, envelope: Envelope, received: Received) -> Reply:
        """No recipient was accepted, so there is none to give a message to."""
        return reply.NO_FEDERATION

    def _judge(self, address: Address, *, is_known: bool) -> Reply:
        if not self._desk.rejects.may_ask(self._source):
            return reply.TOO_MANY_ERRORS
        verdict = judge_entering(address, self._desk.domains, is_known=is_known)
        if not isinstance(verdict, Reject):
            return reply.RECIPIENT_OK
        self._desk.rejects.count(self._source)
        return verdict.reply
