"""LOGOUT (RFC 3501 §6.1.3)."""

from imap.state import Conversation, State
from imap.wire.answer import Answer
from imap.wire.command import Command


async def run(talk: Conversation, command: Command) -> Answer:
    """Say good-bye; the connection closes after the answer."""
    command.arguments.end()
    talk.output.write(b"* BYE Logging out\r\n")
    talk.state = State.LEFT
    return Answer("OK", "Done")
