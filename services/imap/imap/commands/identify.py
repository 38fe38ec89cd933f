"""ID (RFC 2971): polite, and nothing of what the client says is kept."""

from imap.state import Conversation
from imap.wire.answer import Answer, bad
from imap.wire.command import Command

MAX_PAIRS = 30  # RFC 2971 §3.3


async def run(talk: Conversation, command: Command) -> Answer:
    """Read the client's fields and answer with our name."""
    arguments = command.arguments
    arguments.space()
    if arguments.takes(b"("):
        pairs = 0
        while not arguments.takes(b")"):
            if pairs:
                arguments.space()
            pairs += 1
            if pairs > MAX_PAIRS:
                raise bad("Too many fields")
            arguments.string()
            arguments.space()
            arguments.nstring()
    else:
        arguments.nstring()
    arguments.end()
    talk.output.write(b'* ID ("name" "chatmail")\r\n')
    return Answer("OK", "Done")
