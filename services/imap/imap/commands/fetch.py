"""FETCH and UID FETCH (RFC 3501 §6.4.5, §6.4.8).

Strategy: messages are brought in batches whose octets are bounded; what a view knows is answered without the store;
a message over the store's inline limit is read slice by slice. All that a message's answer needs is made ready before
its first octet is written, so that what fails until then is a NO.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from imap.commands import sections
from imap.commands.numbers import chosen, done
from imap.commands.octets import Breath, Octets, Vanished
from imap.commands.structures import structure
from imap.content.part import Part
from imap.content.preview import MAX_READ, preview, previewed
from imap.state import Conversation
from imap.store import Flag, Message
from imap.wire import fetch_items
from imap.wire.answer import Answer
from imap.wire.bodystructure import bodystructure
from imap.wire.command import Command
from imap.wire.encode import email_id, flags, internal_date, string
from imap.wire.envelope import envelope
from imap.wire.fetch_items import Plan

BODIES = 16  # messages at a time: 1 MB if all are as large as comes inline
HEADERS = 16  # a header may be as large as a message
NUMBERS = 1000
ENVELOPE = 4  # what reading a header word by word costs against reading it line by line


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
    uids = chosen(talk, command, numbers)
    size = BODIES if plan.needs_body else HEADERS if plan.needs_header else NUMBERS
    missing = 0
    for start in range(0, len(uids), size):
        if start:
            await talk.output.drain()
        missing += await _answer(talk, plan, uids[start : start + size])
    return done(talk, command, missing)


async def _answer(talk: Conversation, plan: Plan, uids: Sequence[int]) -> int:
    """Answer one batch; return how many of its messages are no more."""
    if not plan.needs_store:
        for uid in uids:
            talk.output.write(_opening(talk, plan.names, _known(talk, uid)) + b")\r\n")
        return 0
    newly_seen = await _mark_seen(talk, uids) if plan.sets_seen and not talk.is_read_only else set()
    mailbox_id, header, body = talk.mailbox.mailbox_id, plan.needs_header, plan.needs_body
    messages = await talk.store.fetch(mailbox_id, uids, header=header, body=body)
    breath = Breath(talk.output)
    missing = len(uids) - len(messages)
    for message in messages:
        # §6.4.5: flags that change because a message is read are told along with it.
        names = plan.names_and_flags if message.uid in newly_seen else plan.names
        try:
            await _tell(talk, plan, names, Octets(talk, message, breath))
        except Vanished:
            missing += 1
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


async def _mark_seen(talk: Conversation, uids: Sequence[int]) -> set[int]:
    unseen = [uid for uid in uids if not talk.mailbox.flags(uid) & Flag.SEEN]
    if not unseen:
        return set()
    stored = await talk.store.add_flags(talk.mailbox.mailbox_id, unseen, Flag.SEEN)
    talk.touched(talk.mailbox.mailbox_id)
    return {uid for uid, _ in stored}


def _known(talk: Conversation, uid: int) -> _Shown:
    return _Shown(Message(uid, talk.mailbox.flags(uid), 0, 0, 0))


def _opening(talk: Conversation, names: Sequence[bytes], shown: _Shown) -> bytes:
    """Return `* n FETCH (` and the items that are not text."""
    message = shown.message
    if b"FLAGS" in names:
        number = talk.mailbox.set_flags(message.uid, message.flags)
    else:
        number = talk.mailbox.number(message.uid)
    words = [_item(name, shown, talk.mailbox.keywords) for name in names]
    return b"* %d FETCH (%b" % (number or 0, b" ".join(words))


def _item(name: bytes, shown: _Shown, keywords: Sequence[str]) -> bytes:
    message = shown.message
    match name:
        case b"UID":
            return b"UID %d" % message.uid
        case b"FLAGS":
            return b"FLAGS " + flags(message.flags, keywords)
        case b"RFC822.SIZE":
            return b"RFC822.SIZE %d" % message.size
        case b"INTERNALDATE":
            return b"INTERNALDATE " + internal_date(message.arrived)
        case b"SAVEDATE":
            return b"SAVEDATE " + internal_date(message.saved)
        case b"EMAILID":
            return b"EMAILID (%b)" % email_id(message.body_id)
        case b"THREADID":
            return b"THREADID NIL"  # RFC 8474 §5.2: where threads are not known to the server
        case b"ENVELOPE":
            return b"ENVELOPE " + envelope(message.header or b"")
        case b"PREVIEW":
            return b"PREVIEW " + string(shown.first_words)
        case _:
            assert shown.structure is not None
            return name + b" " + bodystructure(shown.structure, is_extended=name == b"BODYSTRUCTURE")
