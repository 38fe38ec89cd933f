"""ENABLE (RFC 5161)."""

from imap.state import Conversation
from imap.wire.answer import Answer
from imap.wire.command import Command


async def run(talk: Conversation, command: Command) -> Answer:
    """Enable none of what is asked for: there is nothing here that would have to be."""
    arguments = command.arguments
    arguments.space()
    arguments.atom()
    while not arguments.at_end():
        arguments.space()
        arguments.atom()
    arguments.end()
    talk.output.write(b"* ENABLED\r\n")
    return Answer("OK", "Done")
