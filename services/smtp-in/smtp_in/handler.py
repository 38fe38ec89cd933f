"""Mail from strangers' servers: one connection's way through the reception that all inbound doors share."""

from collections.abc import Sequence

from shared.address import Address
from shared.inbound.guesses import tell_firewall
from shared.inbound.reception import Letter, Reception, Visitor
from shared.listen.ticket import Ticket
from shared.mail import reply
from shared.mail.reply import Reply
from shared.smtp.handler import Envelope
from shared.smtp.spool import Received


class Stranger:
    """One connection from a server we do not know."""

    def __init__(self, reception: Reception, ticket: Ticket) -> None:
        self._reception = reception
        self._ticket = ticket
        self._mailboxes: dict[Address, int] = {}

    def welcome(self) -> Reply | None:
        """Let nobody in whose recipients we could not look up."""
        return self._reception.welcome()

    async def authenticate(self, name: str, password: str) -> Reply:
        """Nobody logs in at this door."""
        return reply.NOT_IMPLEMENTED

    def sender(self, envelope: Envelope) -> Reply:
        """Begin a message."""
        self._mailboxes = {}
        envelope.payer = self._ticket.source
        return self._reception.begin(self._ticket.source, envelope.mail_from)

    async def recipients(self, envelope: Envelope, addresses: Sequence[Address]) -> Sequence[Reply]:
        """Judge each, as long as the sender has not named too many in vain."""
        judged = await self._reception.judge(self._ticket.source, envelope.mail_from, addresses)
        tell_firewall(self._ticket.peer, judged.values())
        return [self._answer(address, judged[address]) for address in addresses]

    async def message(self, envelope: Envelope, received: Received) -> Reply:
        """Receive for all recipients that were accepted."""
        visitor = Visitor(self._ticket.source, self._ticket.peer, envelope.helo)
        mailboxes = {address: self._mailboxes[address] for address in envelope.rcpt_tos}
        return await self._reception.receive(Letter(visitor, envelope.mail_from, mailboxes), received)

    def _answer(self, address: Address, judged: int | Reply) -> Reply:
        if isinstance(judged, Reply):
            return judged
        self._mailboxes[address] = judged
        return reply.RECIPIENT_OK
