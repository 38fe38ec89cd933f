"""Mail from our own users: who they are, whom they may write as and to, and what passes the gate.

Strategy: refuse as early as the client can be told. While Postgres is away nobody is let in: Delta Chat counts failed
attempts against a message only once login succeeded (design §4.5). What cannot be told at MAIL without confusing the
client (a foreign sender, too fast a pace) is remembered and told at RCPT, as the reference relay does.
"""

import asyncio
import hashlib
from collections.abc import Sequence
from functools import partial

from shared.address import Address
from shared.delivery import Delivered, Full, Gone, Incoming
from shared.login import BadCredentials, LoggedIn, TooOften
from shared.mail import message as mail
from shared.mail import reply
from shared.mail.hygiene import minimise
from shared.mail.reply import Reply
from shared.mail.trouble import NoSpace, Unavailable
from shared.policy.recipients import judge_leaving
from shared.policy.submission import judge, judge_sender
from shared.policy.verdict import Reject
from shared.smtp.handler import Envelope
from shared.smtp.spool import Received
from submission.desk import LARGE, Desk, LoginTicket


class User:
    """One connection of, as it turns out, one user."""

    def __init__(self, desk: Desk, ticket: LoginTicket) -> None:
        self._desk = desk
        self._ticket = ticket
        self._account: LoggedIn | None = None
        self._mailboxes: dict[Address, int] = {}
        self._refusal: Reply | None = None
        self._is_paced = False

    def welcome(self) -> Reply | None:
        """Let nobody in whom we could not log in."""
        return None if self._desk.database.is_available else reply.UNAVAILABLE

    async def authenticate(self, name: str, password: str) -> Reply:
        """Log in, and count no longer against the address that the user may share with many."""
        try:
            self._account = await self._desk.login.authenticate(name, password, self._ticket.source)
        except BadCredentials:
            return reply.BAD_CREDENTIALS
        except TooOften:
            return reply.AUTH_TOO_OFTEN
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
        envelope.payer = str(self._who().account_id)
        own = judge_sender(self._who().address, envelope.mail_from)
        self._refusal = own.reply if isinstance(own, Reject) else None
        self._mailboxes, self._is_paced = {}, False
        return reply.SENDER_OK

    async def recipients(self, envelope: Envelope, addresses: Sequence[Address]) -> Sequence[Reply]:
        """Look local recipients up, all in one question."""
        refusal = await self._refused()
        if refusal:
            return [refusal] * len(addresses)
        verdicts = {address: judge_leaving(address, self._desk.domains) for address in addresses}
        local = [address for address, verdict in verdicts.items() if not isinstance(verdict, Reject)]
        own = self._who()
        try:
            oneself, *others = await self._desk.recipients.find([own.address, *local])
        except Unavailable:
            return [reply.TROUBLE] * len(addresses)
        # A ban or a deletion holds for connections that are open, too.
        if oneself is None or oneself.mailbox_id != own.mailbox_id:
            self._refusal = reply.ACCOUNT_CLOSED
            return [self._refusal] * len(addresses)
        found = dict(zip(local, others, strict=True))
        replies: list[Reply] = []
        for address, verdict in verdicts.items():
            recipient = found.get(address)
            if isinstance(verdict, Reject):
                replies.append(verdict.reply)
            elif recipient is None:
                replies.append(reply.NO_SUCH_USER)
            elif not recipient.has_room:
                replies.append(reply.MAILBOX_FULL)
            else:
                self._mailboxes[address] = recipient.mailbox_id
                replies.append(reply.RECIPIENT_OK)
        return replies

    async def message(self, envelope: Envelope, received: Received) -> Reply:
        """Judge, make small, store; large messages two at a time, and beside the event loop."""
        who = self._who()
        mailbox_ids = tuple(self._mailboxes[address] for address in envelope.rcpt_tos)
        if received.size <= LARGE:
            ready = prepare(who.address, envelope.mail_from, received, mailbox_ids)
            return ready if isinstance(ready, Reply) else await self._deliver(ready)
        async with self._desk.large:
            ready = await asyncio.get_running_loop().run_in_executor(
                self._desk.pool, prepare, who.address, envelope.mail_from, received, mailbox_ids
            )
            return ready if isinstance(ready, Reply) else await self._deliver(ready)

    def _take_place(self, account_id: int) -> bool:
        # A client that hung up meanwhile has no close to come that would give the place back.
        if self._ticket.is_closed or not self._desk.places.take(account_id):
            return False
        self._ticket.on_closed = partial(self._desk.places.give_back, account_id)
        return True

    def _who(self) -> LoggedIn:
        assert self._account, "the frame lets nobody mail before AUTH"
        return self._account

    async def _refused(self) -> Reply | None:
        if self._refusal is None and not self._is_paced:
            self._is_paced = True
            if not await self._desk.pace.may_send(self._who().account_id):
                self._refusal = reply.TOO_FAST
        return self._refusal

    async def _deliver(self, incoming: Incoming) -> Reply:
        # The client may hang up now, and our own deadline may pass: what is being committed is not abandoned.
        storing = asyncio.ensure_future(self._desk.delivery.deliver(incoming))
        self._desk.storing.add(storing)
        storing.add_done_callback(self._forget)
        try:
            return _told(await asyncio.shield(storing))
        except NoSpace:
            return reply.NO_SPACE
        except Unavailable:
            return reply.TROUBLE

    def _forget(self, storing: asyncio.Future[Delivered | Full | Gone]) -> None:
        self._desk.storing.discard(storing)
        if not storing.cancelled():
            storing.exception()  # seen, also when nobody waits for it any more


def prepare(
    account: Address, sender: Address | None, received: Received, mailbox_ids: tuple[int, ...]
) -> Incoming | Reply:
    """Return what is to be stored, or why it is not; costs time in proportion to the message."""
    raw = received.read()
    digest = hashlib.sha256(f"{sender or ''}\0".encode())
    digest.update(raw)
    facts = mail.read(raw)
    verdict = judge(account, sender, facts)
    if isinstance(verdict, Reject):
        return verdict.reply
    body = minimise(raw, facts)
    header_size = len(body) - (len(raw) - facts.header_size)
    return Incoming(mailbox_ids, body, header_size, digest.digest())


def _told(outcome: Delivered | Full | Gone) -> Reply:
    if isinstance(outcome, Delivered):
        return reply.ACCEPTED
    return reply.MAILBOX_JUST_FULL if isinstance(outcome, Full) else reply.NO_SUCH_USER
