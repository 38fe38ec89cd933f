"""CLOSE (RFC 3501 §6.4.2) and UNSELECT (RFC 3691)."""

from imap.commands.expunge import remove
from imap.state import Conversation
from imap.wire.answer import Answer
from imap.wire.command import Command


async def run(talk: Conversation, command: Command) -> Answer:
    r"""Leave the mailbox; CLOSE removes what carries \Deleted first, and tells nothing of it."""
    command.arguments.end()
    if command.name == b"CLOSE" and not talk.is_read_only:
        deleted = talk.mailbox.deleted()
        talk.must_look |= bool(deleted)  # should the store go away half way
        async for _ in remove(talk, deleted):
            pass
    talk.deselect()
    return Answer("OK", "Done")
