"""IDLE (RFC 2177)."""

from imap.state import Conversation, State
from imap.wire.answer import Answer, bad
from imap.wire.command import Command


async def run(talk: Conversation, command: Command) -> None:
    """Begin to idle: from now on news is told as it comes, until DONE."""
    command.arguments.end()
    talk.state, talk.tag = State.IDLING, command.tag
    talk.output.write(b"+ idling\r\n")


def done(talk: Conversation, line: bytes) -> Answer:
    """End it; any line ends it, and any but DONE is a mistake."""
    talk.state = State.AUTHENTICATED if talk.view is None else State.SELECTED
    if line.upper() != b"DONE\r\n":
        raise bad("DONE expected")
    return Answer("OK", "Done")
