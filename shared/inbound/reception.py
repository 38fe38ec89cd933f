"""How mail from elsewhere is received: one policy for both doors, port 25 and `/mxdeliv`.

Strategy: everything is decided before we say yes, so that port 25 never has to report anything later: a report to a
forged sender would hit a bystander. What is cheap comes first (the address of the author, the shape of the message),
what asks the DNS last, and an unverified sender is told no more than a verified one. Then one transaction stores the
message for all recipients. Only at `/mxdeliv`, where one status stands for all recipients, may some have failed; then
a sender who is verified gets one report, through the outbox, before we say yes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256

from shared.address import Address
from shared.delivery import Incoming
from shared.inbound import complaint
from shared.inbound.desk import Desk
from shared.listen.ticket import Ip
from shared.mail import message as mail
from shared.mail import reply
from shared.mail.hygiene import tidy
from shared.mail.message import Facts
from shared.mail.reply import Reply
from shared.mail.report import SHOWN
from shared.mail.trouble import Unavailable
from shared.policy import gate, inbound, reports
from shared.policy.recipients import judge_entering, judge_stranger
from shared.policy.verdict import Reject
from shared.smtp import framer
from shared.smtp.framer import Verdict
from shared.smtp.spool import Received
from shared.storage.recipients import Recipient

_WRONG = {Verdict.BARE: reply.BARE_CR_LF, Verdict.LONG_LINE: reply.LINE_TOO_LONG}


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who brings mail: a keyed hash to count by, the address, and the name it gave itself ("" over HTTP)."""

    source: str
    peer: Ip
    helo: str = ""


@dataclass(frozen=True, slots=True)
class Letter:
    """One mail transaction: `mailboxes` of the accepted recipients, and who of the others the sender is told of.

    `is_framed`: SMTP has cut it into sound lines; otherwise that is still to be looked at.
    """

    visitor: Visitor
    sender: Address | None
    mailboxes: Mapping[Address, int]
    failed: Mapping[Address, Reply] = field(default_factory=dict)
    is_framed: bool = True


@dataclass(frozen=True, slots=True)
class _Read:
    raw: bytes
    facts: Facts
    digest: bytes


class Reception:
    """Answers for a door, step by step."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def welcome(self) -> Reply | None:
        """Let nobody in whose recipients we could not look up."""
        return None if self._desk.database.is_available else reply.UNAVAILABLE

    def begin(self, source: str, sender: Address | None) -> Reply:
        """Answer MAIL; our own users have another door."""
        if self._desk.disk.is_low:
            return reply.NO_SPACE
        verdict = judge_stranger(sender, self._desk.domains)
        if isinstance(verdict, Reject):
            return verdict.reply
        return reply.SENDER_OK if self._desk.pace.count(source) else reply.HIGH_LOAD

    async def judge(
        self, source: str, sender: Address | None, addresses: Sequence[Address]
    ) -> dict[Address, int | Reply]:
        """Return for each address its mailbox, or why it gets no mail; all are looked up in one question.

        Who has named too many in vain is not told of any more, neither of those that exist: see `Guesses`.
        """
        refusal = self._desk.guesses.refusal(source, sender)
        if refusal:
            return dict.fromkeys(addresses, refusal)
        return self._desk.guesses.tell(source, sender, await self._looked_up(sender, addresses))

    async def _looked_up(self, sender: Address | None, addresses: Sequence[Address]) -> dict[Address, int | Reply]:
        local = [address for address in addresses if address.domain in self._desk.domains]
        try:
            is_refused = bool(local and sender) and not await self._may_pass(sender)
            found = await self._desk.recipients.find(local) if local and not is_refused else [None] * len(local)
        except Unavailable:
            return dict.fromkeys(addresses, reply.TROUBLE)
        known = dict(zip(local, found, strict=True))
        answers: dict[Address, int | Reply] = {
            address: self._judged(address, known.get(address)) for address in addresses
        }
        return answers | dict.fromkeys(local, reply.REFUSED_DOMAIN) if is_refused else answers

    async def receive(self, letter: Letter, received: Received) -> Reply:
        """Answer the end of a message: judge, tidy, store; 2xx only once it cannot be lost."""
        # Reports are stored for whoever comes, and bounded by nobody's quota; port 25 answers for each recipient.
        if letter.failed and not self._desk.reports.count(letter.visitor.source):
            return reply.HIGH_LOAD
        size, intake = received.size, self._desk.intake
        async with intake.turn(size):
            read = await intake.work(size, self._read, letter, received)
        if isinstance(read, Reply):
            return read
        refusal = await self._distrust(letter, read)
        if refusal:
            return refusal
        async with intake.turn(size):
            answer = await intake.store(await intake.work(size, _incoming, letter, read))
        if answer is reply.ACCEPTED and letter.failed and letter.sender:
            return await self._complain(letter, letter.sender, read)
        return answer

    def _judged(self, address: Address, found: Recipient | None) -> int | Reply:
        is_known, has_room = found is not None, found is not None and found.has_room
        verdict = judge_entering(address, self._desk.domains, is_known=is_known, has_room=has_room)
        if isinstance(verdict, Reject):
            return verdict.reply
        assert found
        return found.mailbox_id

    async def _may_pass(self, who: Address | None) -> bool:
        return who is None or await self._desk.federation.may_pass(who.domain)

    def _read(self, letter: Letter, received: Received) -> _Read | Reply:
        """Read a message and judge what needs nobody to be asked; costs time in proportion to the message."""
        raw = received.read()
        if not letter.is_framed:
            raw = raw if raw.endswith(b"\r\n") else raw + b"\r\n"
            wrong = framer.examine(raw)
            if wrong:
                return _WRONG[wrong]
        facts = mail.read(raw)
        author = inbound.judge_author(facts.author, letter.visitor.peer, self._desk.domains)
        if isinstance(author, Reject) and not facts.is_malformed:
            return author.reply
        may_be_plain = gate.may_all_read_plain(letter.mailboxes, self._desk.plain_for)
        shape = gate.judge_stranger(facts, len(raw), may_be_plain=may_be_plain)
        if isinstance(shape, Reject):
            return shape.reply
        digest = sha256(f"{letter.sender or ''}\0".encode())
        digest.update(raw)
        return _Read(raw, facts, digest.digest())

    async def _distrust(self, letter: Letter, read: _Read) -> Reply | None:
        """Return why its origin keeps a message out, or None."""
        try:
            if not await self._may_pass(read.facts.author):
                return reply.REFUSED_DOMAIN
        except Unavailable:
            return reply.TROUBLE
        visitor = letter.visitor
        verdict = await self._desk.origins.judge(read.raw, read.facts, letter.sender, visitor.peer, visitor.helo)
        return verdict.reply if isinstance(verdict, Reject) else None

    async def _complain(self, letter: Letter, sender: Address, read: _Read) -> Reply:
        """Tell a verified sender of the recipients that failed; where that fails, all of it is tried again."""
        if not reports.may_be_told(sender, read.facts, self._desk.unsigned_from):
            return reply.ACCEPTED
        header = read.raw[: read.facts.header_size]
        domain = next(iter(letter.mailboxes)).domain  # of those who failed, some may be at domains that are not ours
        report = complaint.write(sender, letter.failed, header, self._desk.hostname, domain)
        return await self._desk.intake.store(report)


def _incoming(letter: Letter, read: _Read) -> Incoming:
    body = tidy(read.raw, read.facts)
    if read.facts.is_report and not any(field.name == b"secure-join" for field in read.facts.fields):
        body = SHOWN + body  # docs/decisions/0009-reports-are-seen.md
    header_size = len(body) - (len(read.raw) - read.facts.header_size)
    # Several addresses may be one account's: a tag, an alias.
    return Incoming(tuple(dict.fromkeys(letter.mailboxes.values())), body, header_size, read.digest)
