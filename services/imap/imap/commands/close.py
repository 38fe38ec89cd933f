"""CLOSE (RFC 3501 §6.4.2) and UNSELECT (RFC 3691)."""

from imap.commands.expunge import deleted, remove
from imap.commands.numbers import touched
from imap.state import Conversation
from imap.wire.answer import Answer
from imap.wire.command import Command


async def run(talk: Conversation, command: Command) -> Answer:
    r"""Leave the mailbox; CLOSE removes what carries \Deleted first, and tells nothing of it."""
    command.arguments.end()
    if command.name == b"CLOSE" and not talk.is_read_only:
        uids = await deleted(talk)
        talk.must_look |= bool(uids)  # should the store go away half way
        async for gone in remove(talk, uids):
            touched(talk, gone.modseq)  # not followed: should this fail half way, the client must hear of it
    talk.deselect()
    return Answer("OK", "Done")
