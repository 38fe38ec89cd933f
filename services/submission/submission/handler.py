"""Mail from our own users: who they are, whom they may write as and to, and what passes the gate.

Strategy: refuse as early as the client can be told. While Postgres is away nobody is let in: Delta Chat counts failed
attempts against a message only once login succeeded (design §4.5). What cannot be told at MAIL without confusing the
client (a foreign sender, too fast a pace) is remembered and told at RCPT, as the reference relay does.
"""

import hashlib
from asyncio import Future
from collections.abc import Sequence
from functools import partial

from shared import abuse
from shared.address import Address
from shared.delivery import Incoming, Outgoing
from shared.login import BadCredentials, LoggedIn, TooOften
from shared.mail import message as mail
from shared.mail import reply
from shared.mail.hygiene import minimise
from shared.mail.reply import Reply
from shared.mail.trouble import Unavailable
from shared.policy.submission import judge, judge_sender
from shared.policy.verdict import Reject
from shared.smtp.handler import Envelope
from shared.smtp.spool import Received
from shared.storage.recipients import Recipient
from submission.desk import Desk, LoginTicket


class User:
    """One connection of, as it turns out, one user."""

    def __init__(self, desk: Desk, ticket: LoginTicket) -> None:
        self._desk = desk
        self._ticket = ticket
        self._account: LoggedIn | None = None
        self._mailboxes: dict[Address, int] = {}
        self._elsewhere: set[Address] = set()
        self._refusal: Reply | None = None
        self._pace: Future[bool] | None = None
        self._was_too_fast = False

    def welcome(self) -> Reply | None:
        """Let nobody in whom we could not log in."""
        return None if self._desk.database.is_available else reply.UNAVAILABLE

    async def authenticate(self, name: str, password: str) -> Reply:
        """Log in, and count no longer against the address that the user may share with many."""
        try:
            self._account = await self._desk.login.authenticate(name, password, self._ticket.source)
        except (BadCredentials, TooOften) as error:
            abuse.tell(error.word, self._ticket.peer)
            return reply.BAD_CREDENTIALS if isinstance(error, BadCredentials) else reply.AUTH_TOO_OFTEN
        except Unavailable:
            return reply.AUTH_UNAVAILABLE
        if not self._take_place(self._account.account_id):
            return reply.TOO_MANY_CONNECTIONS
        self._ticket.release()
        return reply.AUTH_OK

    def sender(self, envelope: Envelope) -> Reply:
        """Begin a message."""
        if self._desk.disk.is_low:
            return reply.NO_SPACE
        if not self._desk.sources.count(self._ticket.source):
            return reply.HIGH_LOAD
        envelope.payer = str(self._who().account_id)
        own = judge_sender(self._who().address, envelope.mail_from)
        self._refusal = own.reply if isinstance(own, Reject) else None
        self._mailboxes, self._elsewhere, self._pace = {}, set(), None
        return reply.SENDER_OK

    async def recipients(self, envelope: Envelope, addresses: Sequence[Address]) -> Sequence[Reply]:
        """Look local recipients up, all in one question, and ask of others whether mail may pass to their domain."""
        if self._refusal:
            return [self._refusal] * len(addresses)
        local = [address for address in addresses if address.domain in self._desk.domains]
        own = self._who()
        if self._pace is None:  # once a message
            self._pace = self._desk.pace.may_send(own.account_id)
        # Redis answers while Postgres looks, which it does not for somebody who has just been too fast.
        if self._was_too_fast and await self._is_too_fast(self._pace):
            return [reply.TOO_FAST] * len(addresses)
        try:
            oneself, *others = await self._desk.recipients.find([own.address, *local])
            is_closed = oneself is None or oneself.mailbox_id != own.mailbox_id
            if not await self._is_too_fast(self._pace) and is_closed:
                self._refusal = reply.ACCOUNT_CLOSED  # a ban or a deletion holds for connections that are open, too
            if self._refusal:
                return [self._refusal] * len(addresses)
            found = dict(zip(local, others, strict=True))
            elsewhere = len(addresses) - len(local)
            is_slow = not elsewhere or await self._desk.pace_elsewhere.may_send(own.account_id, elsewhere)
            return [
                self._here(address, found[address]) if address in found else await self._there(address, is_slow=is_slow)
                for address in addresses
            ]
        except Unavailable:
            return [reply.TROUBLE] * len(addresses)

    async def message(self, envelope: Envelope, received: Received) -> Reply:
        """Judge, make small, store; large messages two at a time, and beside the event loop."""
        who = self._who()
        # Several addresses may be one mailbox: tags and aliases.
        here = tuple(dict.fromkeys(self._mailboxes[to] for to in envelope.rcpt_tos if to in self._mailboxes))
        there = tuple(to for to in envelope.rcpt_tos if to in self._elsewhere)
        intake = self._desk.intake
        async with intake.turn(received.size):
            ready = await intake.work(received.size, prepare, who, envelope.mail_from, received, here, there)
            return ready if isinstance(ready, Reply) else await intake.store(ready)

    async def _is_too_fast(self, pace: Future[bool]) -> bool:
        self._was_too_fast = not await pace
        if self._was_too_fast:
            self._refusal = reply.TOO_FAST
        return self._was_too_fast

    def _here(self, address: Address, recipient: Recipient | None) -> Reply:
        if recipient is None:
            return reply.NO_SUCH_USER
        if not recipient.has_room:
            return reply.MAILBOX_FULL
        self._mailboxes[address] = recipient.mailbox_id
        return reply.RECIPIENT_OK

    async def _there(self, address: Address, *, is_slow: bool) -> Reply:
        if not is_slow:
            return reply.TOO_FAST
        if not address.domain.isascii():  # what looks like our own name could be, once DNS has folded it
            return reply.DOMAIN_NOT_ASCII
        if not await self._desk.federation.may_pass(address.domain):
            return reply.CLOSED_DOMAIN
        self._elsewhere.add(address)
        return reply.RECIPIENT_OK

    def _take_place(self, account_id: int) -> bool:
        # A client that hung up meanwhile has no close to come that would give the place back.
        if self._ticket.is_closed or not self._desk.places.take(account_id):
            return False
        self._ticket.on_closed = partial(self._desk.places.give_back, account_id)
        return True

    def _who(self) -> LoggedIn:
        assert self._account, "the frame lets nobody mail before AUTH"
        return self._account


def prepare(
    who: LoggedIn,
    sender: Address | None,
    received: Received,
    mailbox_ids: tuple[int, ...],
    elsewhere: tuple[Address, ...] = (),
) -> Incoming | Reply:
    """Return what is to be stored, or why it is not; costs time in proportion to the message."""
    raw = received.read()
    digest = hashlib.sha256(f"{sender or ''}\0".encode())
    digest.update(raw)
    facts = mail.read(raw)
    verdict = judge(who.address, sender, facts)
    if isinstance(verdict, Reject):
        return verdict.reply
    body = minimise(raw, facts)
    header_size = len(body) - (len(raw) - facts.header_size)
    outgoing = Outgoing(str(who.address), elsewhere, who.address.domain) if elsewhere else None
    return Incoming(mailbox_ids, body, header_size, digest.digest(), who.mailbox_id, outgoing)
