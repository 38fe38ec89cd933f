"""EXPUNGE (RFC 3501 §6.4.3) and UID EXPUNGE (RFC 4315 §2.1)."""

from imap.state import Conversation
from imap.wire.answer import Answer, no
from imap.wire.command import Command


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
        named = set(talk.mailbox.by_uid(wanted))
        deleted = [uid for uid in deleted if uid in named]
    if deleted:
        gone = await talk.store.expunge(talk.mailbox.mailbox_id, deleted)
        talk.touched(talk.mailbox.mailbox_id)
        talk.must_look |= len(gone) < len(deleted)  # another session was faster
        for number in talk.mailbox.expunge(gone):
            talk.output.write(b"* %d EXPUNGE\r\n" % number)
    return Answer("OK", "Done")
