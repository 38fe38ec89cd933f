"""NAMESPACE (RFC 2342): one, of one's own."""

from imap.commands.naming import DELIMITER
from imap.state import Conversation
from imap.wire.answer import Answer
from imap.wire.command import Command


async def run(talk: Conversation, command: Command) -> Answer:
    """Tell that all names are personal."""
    command.arguments.end()
    talk.output.write(b'* NAMESPACE (("" "%b")) NIL NIL\r\n' % DELIMITER.encode("ascii"))
    return Answer("OK", "Done")
