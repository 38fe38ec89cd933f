"""ENABLE (RFC 5161)."""

from imap.commands import modseqs
from imap.state import Conversation
from imap.wire.answer import Answer
from imap.wire.command import Command

UTF8 = b"UTF8=ACCEPT"  # RFC 6855 §3


async def run(talk: Conversation, command: Command) -> Answer:
    """Enable what is known of what is asked for (§3.1: the rest is passed over)."""
    arguments = command.arguments
    asked = set[bytes]()
    while not asked or not arguments.at_end():
        arguments.space()
        asked.add(arguments.keyword())
    arguments.end()
    talk.is_utf8 |= UTF8 in asked
    enabled = [UTF8] if UTF8 in asked else []
    enabled += modseqs.enable(talk, asked)
    talk.output.write(b"* ENABLED%b\r\n" % b"".join(b" " + name for name in enabled))
    return Answer("OK", "Done")
