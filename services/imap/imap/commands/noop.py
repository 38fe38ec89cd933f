"""NOOP and CHECK (RFC 3501 §6.1.2, §6.4.1): look for news."""

from imap.commands.look import look
from imap.state import Conversation
from imap.wire.answer import Answer
from imap.wire.command import Command


async def run(talk: Conversation, command: Command) -> Answer:
    """Look, whether or not a bell has rung."""
    command.arguments.end()
    if talk.view is not None:
        talk.must_look = True
        await look(talk)
    return Answer("OK", "Done")
