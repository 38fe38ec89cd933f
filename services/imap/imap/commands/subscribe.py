"""SUBSCRIBE and UNSUBSCRIBE (RFC 3501 §6.3.6, §6.3.7)."""

from imap.commands.naming import read_name, refusal
from imap.state import Conversation
from imap.store import Arranged
from imap.wire.answer import Answer, no
from imap.wire.command import Command


async def run(talk: Conversation, command: Command) -> Answer:
    """Add a mailbox to the subscribed names, or take a name from them; INBOX always is one."""
    arguments = command.arguments
    arguments.space()
    name = read_name(talk, arguments)
    arguments.end()
    is_wish = command.name == b"SUBSCRIBE"
    if name == "INBOX":
        if is_wish:
            return Answer("OK", "Done")
        raise no("CANNOT", "INBOX stays subscribed")
    act = talk.store.subscribe if is_wish else talk.store.unsubscribe
    outcome = await act(talk.owner.account_id, name)
    if outcome is not Arranged.DONE:
        raise refusal(outcome)
    return Answer("OK", "Done")
