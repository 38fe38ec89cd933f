"""EXPUNGE (RFC 3501 §6.4.3) and UID EXPUNGE (RFC 4315 §2.1)."""

from collections.abc import AsyncIterator, Sequence

from imap.commands.numbers import chosen
from imap.state import Conversation
from imap.wire.answer import Answer, no
from imap.wire.command import Command

BATCH = 500  # messages in one call of the store, which is one transaction


async def run(talk: Conversation, command: Command) -> Answer:
    r"""Remove what carries \Deleted, all of it or among the UIDs given, and tell each."""
    arguments = command.arguments
    wanted = None
    if command.is_uid:
        arguments.space()
        wanted = arguments.sequence_set()
    arguments.end()
    if talk.is_read_only:
        raise no("READ-ONLY", "The mailbox was opened with EXAMINE")
    deleted = talk.mailbox.deleted()
    if wanted is not None:
        named = set(chosen(talk, command, wanted))
        deleted = [uid for uid in deleted if uid in named]
    missing = len(deleted)
    async for gone in remove(talk, deleted):
        missing -= len(gone)
        for number in talk.mailbox.expunge(gone):
            talk.output.write(b"* %d EXPUNGE\r\n" % number)
    talk.must_look |= missing > 0  # another session was faster
    return Answer("OK", "Done")


async def remove(talk: Conversation, uids: Sequence[int]) -> AsyncIterator[Sequence[int]]:
    """Remove messages from the store, so many at a time; yield the UIDs of those that were there."""
    mailbox_id = talk.mailbox.mailbox_id
    for start in range(0, len(uids), BATCH):
        if start:
            await talk.output.drain()
        gone = await talk.store.expunge(mailbox_id, uids[start : start + BATCH])
        talk.touched(mailbox_id)
        yield gone
