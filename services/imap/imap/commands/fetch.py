"""FETCH and UID FETCH (RFC 3501 §6.4.5, §6.4.8).

Strategy: messages are brought in batches whose octets are bounded; what a view knows is answered without the store;
a message over the store's inline limit goes to the client slice by slice. A literal's size is said before its
octets: if they fail to come, only the end of the connection is honest.
"""

from collections.abc import Sequence

from imap.commands.numbers import chosen, done
from imap.state import Conversation, CutOff
from imap.store import Flag, Message, Output, Unavailable
from imap.wire import fetch_items
from imap.wire.answer import Answer
from imap.wire.command import Command
from imap.wire.encode import flags, internal_date
from imap.wire.envelope import envelope
from imap.wire.fetch_items import Plan
from imap.wire.section import Section

SLICE = 256 * 1024  # octets of a large message in memory at a time
BODIES = 16  # messages at a time: 1 MB if all are as large as comes inline
HEADERS = 16  # a header may be as large as a message
NUMBERS = 1000
BREATH = 64 * 1024  # octets said or read after which the client must take some, and others have a turn
ENVELOPE = 4  # what reading a header word by word costs against reading it line by line


class _Breath:
    """What was done since others had a turn."""

    def __init__(self, output: Output) -> None:
        self._output = output
        self._octets = 0

    async def take(self, octets: int) -> None:
        """Count octets; give way if it is time to."""
        self._octets += octets
        if self._octets > BREATH:
            self._octets = 0
            await self._output.drain()


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
    breath = _Breath(talk.output)
    for message in messages:
        # §6.4.5: flags that change because a message is read are told along with it.
        names = plan.names_and_flags if message.uid in newly_seen else plan.names
        talk.output.write(_opening(talk, names, message))
        await breath.take(len(message.header or b"") * (ENVELOPE if b"ENVELOPE" in names else 1))
        await _write_sections(talk, plan.sections, message, breath, gap=b" " if names else b"")
        talk.output.write(b")\r\n")
    return len(uids) - len(messages)


async def _mark_seen(talk: Conversation, uids: Sequence[int]) -> set[int]:
    unseen = [uid for uid in uids if not talk.mailbox.flags(uid) & Flag.SEEN]
    if not unseen:
        return set()
    stored = await talk.store.add_flags(talk.mailbox.mailbox_id, unseen, Flag.SEEN)
    talk.touched(talk.mailbox.mailbox_id)
    return {uid for uid, _ in stored}


def _known(talk: Conversation, uid: int) -> Message:
    return Message(uid, talk.mailbox.flags(uid), 0, 0, 0)


def _opening(talk: Conversation, names: Sequence[bytes], message: Message) -> bytes:
    """Return `* n FETCH (` and the items that are not text."""
    if b"FLAGS" in names:
        number = talk.mailbox.set_flags(message.uid, message.flags)
    else:
        number = talk.mailbox.number(message.uid)
    words = [_item(name, message) for name in names]
    return b"* %d FETCH (%b" % (number or 0, b" ".join(words))


def _item(name: bytes, message: Message) -> bytes:
    match name:
        case b"UID":
            return b"UID %d" % message.uid
        case b"FLAGS":
            return b"FLAGS " + flags(message.flags)
        case b"RFC822.SIZE":
            return b"RFC822.SIZE %d" % message.size
        case b"INTERNALDATE":
            return b"INTERNALDATE " + internal_date(message.arrived)
        case _:
            return b"ENVELOPE " + envelope(message.header or b"")


async def _write_sections(
    talk: Conversation, sections: Sequence[Section], message: Message, breath: _Breath, gap: bytes
) -> None:
    header = message.header or b""
    for section in sections:
        talk.output.write(gap + section.label)
        gap = b" "
        if section.is_span:
            await breath.take(await _write_span(talk, section, message))
        else:
            picked = section.pick(header)
            talk.output.write(b" {%d}\r\n%b" % (len(picked), picked))
            await breath.take(len(header))  # all of which was read


async def _write_span(talk: Conversation, section: Section, message: Message) -> int:
    """Write a literal; return its size."""
    offset, length = section.span(len(message.header or b""), message.size)
    talk.output.write(b" {%d}\r\n" % length)
    held = message.body if message.body is not None else message.header if section.text == b"HEADER" else None
    if held is not None:
        talk.output.write(held if length == len(held) else held[offset : offset + length])
        return length
    for start in range(offset, offset + length, SLICE):
        await talk.output.drain()
        await _write_slice(talk, message.uid, start, min(SLICE, offset + length - start))
    return length


async def _write_slice(talk: Conversation, uid: int, offset: int, length: int) -> None:
    try:
        data = await talk.store.read(talk.mailbox.mailbox_id, uid, offset, length)
    except Unavailable:
        data = b""
    if len(data) != length:
        raise CutOff
    talk.output.write(data)
