"""CAPABILITY (RFC 3501 §6.1.1)."""

from imap.state import Conversation
from imap.wire.answer import Answer
from imap.wire.command import Command


async def run(talk: Conversation, command: Command) -> Answer:
    """Say what is offered in this state."""
    command.arguments.end()
    talk.output.write(b"* CAPABILITY " + talk.capabilities() + b"\r\n")
    return Answer("OK", "Done")
