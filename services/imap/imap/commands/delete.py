"""DELETE (RFC 3501 §6.3.4)."""

from imap.commands.naming import read_name, refusal
from imap.state import Conversation
from imap.store import Arranged
from imap.wire.answer import Answer, no
from imap.wire.command import Command

EVER = (1 << 62) - 1  # as a modseq: whoever has it open must look


async def run(talk: Conversation, command: Command) -> Answer:
    """Remove a mailbox; names below it stay. Whoever has it open is sent away, but for this client."""
    arguments = command.arguments
    arguments.space()
    name = read_name(talk, arguments)
    arguments.end()
    if name == "INBOX":
        raise no("CANNOT", "INBOX stays")
    outcome, mailbox_id = await talk.store.delete(talk.owner.account_id, name)
    if outcome is not Arranged.DONE:
        raise refusal(outcome)
    if talk.view is not None and talk.view.mailbox_id == mailbox_id:
        talk.deselect()
        talk.output.write(b"* OK [CLOSED] The selected mailbox is removed\r\n")
    talk.ring(mailbox_id, EVER)
    return Answer("OK", "Done")
