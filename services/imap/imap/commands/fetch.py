"""FETCH and UID FETCH (RFC 3501 §6.4.5, §6.4.8; CHANGEDSINCE and VANISHED: RFC 7162 §3.1.4, §3.2.6).

Strategy: messages are brought in batches whose octets are bounded; what a view knows is answered without the store;
a message over the store's inline limit is read slice by slice. All that a message's answer needs is made ready before
its first octet is written, so that what fails until then is a NO.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from imap.commands import modseqs, sections
from imap.commands.look import look
from imap.commands.numbers import chosen, done, follow, touched
from imap.commands.octets import Breath, Octets, Vanished
from imap.commands.resync import changed, tell_vanished
from imap.commands.structures import structure
from imap.content.part import Part
from imap.content.preview import MAX_READ, preview, previewed
from imap.state import Conversation
from imap.store import Flag, Marked, Message
from imap.wire import fetch_items
from imap.wire.answer import Answer, bad
from imap.wire.bodystructure import bodystructure
from imap.wire.command import Command
from imap.wire.encode import email_id, flags, internal_date, string
from imap.wire.envelope import envelope
from imap.wire.fetch_items import Plan
from imap.wire.modseq import Since
from imap.wire.sequence_set import SequenceSet

BODIES = 16  # messages at a time: 1 MB if all are as large as comes inline
HEADERS = 16  # a header may be as large as a message
NUMBERS = 1000
ENVELOPE = 4  # what reading a header word by word costs against reading it line by line

_NONE = Marked(0, ())


@dataclass(frozen=True, slots=True)
class _Shown:
    """A message, and what was found out about it if that was asked for."""

    message: Message
    structure: Part | None = None
    first_words: bytes = b""


async def run(talk: Conversation, command: Command) -> Answer:
    """Answer the items asked for, message by message."""
    arguments = command.arguments
    arguments.space()
    numbers = arguments.sequence_set()
    arguments.space()
    plan = fetch_items.read(arguments.rest(), is_uid=command.is_uid)
    if plan.has_modseq:
        modseqs.heed(talk, "Syntax error" if plan.since else "Unknown FETCH item")
    if plan.since is None:
        uids = await chosen(talk, command, numbers)
    else:
        uids = await _changed(talk, command, numbers, plan.since)
    return done(talk, command, await answer(talk, plan, uids))


async def answer(talk: Conversation, plan: Plan, uids: Sequence[int]) -> int:
    """Answer what a plan says for messages that are in the view; return how many of them are no more."""
    size = BODIES if plan.needs_body else HEADERS if plan.needs_header else NUMBERS
    missing = 0
    for start in range(0, len(uids), size):
        if start:
            await talk.output.drain()
        missing += await _answer(talk, plan, uids[start : start + size])
    return missing


async def _changed(talk: Conversation, command: Command, numbers: SequenceSet, since: Since) -> list[int]:
    """Return which messages are meant and have changed since; tell first which have vanished, if that is asked."""
    if since.has_vanished:
        if not talk.tells_vanished:
            raise bad("ENABLE QRESYNC first")  # RFC 7162 §3.2.6
        await look(talk)  # what vanishes under this client's eyes is told in another way (§3.2.10)
        if not numbers.is_saved:
            await tell_vanished(talk, numbers)
    return await changed(talk, command, numbers, since.modseq)


async def _answer(talk: Conversation, plan: Plan, uids: Sequence[int]) -> int:
    """Answer one batch; return how many of its messages are no more."""
    if not plan.needs_store:
        for uid in uids:
            talk.output.write(_opening(talk, plan.names, _known(talk, uid)) + b")\r\n")
        return 0
    seen = await _mark_seen(talk, uids) if plan.sets_seen and not talk.is_read_only else _NONE
    newly_seen = {uid for uid, _ in seen.messages}
    mailbox_id, header, body = talk.mailbox.mailbox_id, plan.needs_header, plan.needs_body
    messages = await talk.store.fetch(mailbox_id, uids, header=header, body=body)
    breath = Breath(talk.output)
    missing = len(uids) - len(messages)
    for message in messages:
        # §6.4.5: flags that change because a message is read are told along with it.
        names = _names_and_flags(talk, plan) if message.uid in newly_seen else plan.names
        try:
            await _tell(talk, plan, names, Octets(talk, message, breath))
        except Vanished:
            missing += 1
    follow(talk, seen.modseq)
    return missing


async def _tell(talk: Conversation, plan: Plan, names: Sequence[bytes], octets: Octets) -> None:
    message = octets.message
    shown = _Shown(message)
    if plan.needs_structure:
        found = await structure(talk, octets)
        words = await _first_words(found, octets) if b"PREVIEW" in names else b""
        shown = _Shown(message, found, words)
    ready = [await sections.make_ready(section, octets, shown.structure) for section in plan.sections]
    opening = _opening(talk, names, shown)
    talk.output.write(opening)
    await octets.breath.take(
        len(message.header or b"") * (ENVELOPE if b"ENVELOPE" in names else 1) + len(opening) * ENVELOPE
    )
    gap = b" " if names else b""
    for part in ready:
        talk.output.write(gap)
        gap = b" "
        await sections.write(talk, part, octets)
    talk.output.write(b")\r\n")


async def _first_words(message: Part, octets: Octets) -> bytes:
    part = previewed(message)
    if part is None:
        return b""
    start = await octets.read(part.body, min(part.end, part.body + MAX_READ))
    return preview(part, start).encode("utf-8")


async def _mark_seen(talk: Conversation, uids: Sequence[int]) -> Marked:
    unseen = [uid for uid in uids if not talk.mailbox.flags(uid) & Flag.SEEN]
    if not unseen:
        return _NONE
    stored = await talk.store.add_flags(talk.mailbox.mailbox_id, unseen, Flag.SEEN)
    touched(talk, stored.modseq)
    return stored


def _names_and_flags(talk: Conversation, plan: Plan) -> Sequence[bytes]:
    if not talk.tells_modseqs:
        return plan.names_and_flags
    return tuple(dict.fromkeys((*plan.names_and_flags, b"UID", b"MODSEQ")))  # RFC 7162 §3.2.4


def _known(talk: Conversation, uid: int) -> _Shown:
    return _Shown(Message(uid, talk.mailbox.flags(uid), 0, 0, 0))


def _opening(talk: Conversation, names: Sequence[bytes], shown: _Shown) -> bytes:
    """Return `* n FETCH (` and the items that are not text."""
    message = shown.message
    if b"FLAGS" in names:
        number = talk.mailbox.set_flags(message.uid, message.flags)
    else:
        number = talk.mailbox.number(message.uid)
    if b"MODSEQ" in names:
        talk.told_modseq = max(talk.told_modseq, message.modseq)
    words = [_item(name, shown, talk.mailbox.keywords) for name in names]
    return b"* %d FETCH (%b" % (number or 0, b" ".join(words))


def _item(name: bytes, shown: _Shown, keywords: Sequence[str]) -> bytes:
    if name in _OF_MESSAGE:
        return name + b" " + _OF_MESSAGE[name](shown.message)
    if name == b"FLAGS":
        return b"FLAGS " + flags(shown.message.flags, keywords)
    if name == b"PREVIEW":
        return b"PREVIEW " + string(shown.first_words)
    assert shown.structure is not None
    return name + b" " + bodystructure(shown.structure, is_extended=name == b"BODYSTRUCTURE")


_OF_MESSAGE: dict[bytes, Callable[[Message], bytes]] = {
    b"UID": lambda message: b"%d" % message.uid,
    b"RFC822.SIZE": lambda message: b"%d" % message.size,
    b"INTERNALDATE": lambda message: internal_date(message.arrived),
    b"SAVEDATE": lambda message: internal_date(message.saved),
    b"EMAILID": lambda message: b"(%b)" % email_id(message.body_id),
    b"THREADID": lambda _: b"NIL",  # RFC 8474 §5.2: where threads are not known to the server
    b"MODSEQ": lambda message: b"(%d)" % message.modseq,
    b"ENVELOPE": lambda message: envelope(message.header or b""),
}
