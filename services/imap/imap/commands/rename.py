"""RENAME (RFC 3501 §6.3.5)."""

from imap.commands.copy import move_all
from imap.commands.naming import DEEPEST, DELIMITER, LONGEST, new_name, read_name, refusal
from imap.state import Conversation
from imap.store import Arranged
from imap.wire.answer import Answer, no
from imap.wire.command import Command


async def run(talk: Conversation, command: Command) -> Answer:
    """Rename a mailbox with all below it; of INBOX, move the messages to a new mailbox."""
    arguments = command.arguments
    arguments.space()
    old = read_name(talk, arguments)
    arguments.space()
    new = new_name(talk, arguments)
    arguments.end()
    account_id = talk.owner.account_id
    if old == "INBOX":
        outcome, _ = await talk.store.create(account_id, new)
    elif new.startswith(old + DELIMITER):
        raise no("CANNOT", "A mailbox cannot be below itself")
    else:
        outcome = await talk.store.rename(account_id, old, new, LONGEST, DEEPEST)
        if old == new and outcome is Arranged.DONE:
            outcome = Arranged.THERE  # §6.3.5: a name that exists is no new name, be it the mailbox's own
    if outcome is not Arranged.DONE:
        raise refusal(outcome)
    if old == "INBOX":
        await _empty_inbox(talk, new)
    return Answer("OK", "Done")


async def _empty_inbox(talk: Conversation, new: str) -> None:
    inbox = await talk.store.snapshot(talk.owner.account_id, "INBOX")
    if inbox is not None:
        async for _ in move_all(talk, inbox.mailbox_id, inbox.uids, new):
            pass
