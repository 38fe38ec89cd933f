"""STARTTLS (RFC 3501 §6.2.1)."""

from imap.state import Conversation
from imap.wire.answer import Answer, bad
from imap.wire.command import Command


async def run(talk: Conversation, command: Command) -> Answer:
    """Agree; the connection upgrades once the answer is out, and forgets what came before."""
    command.arguments.end()
    if talk.is_tls:
        raise bad("TLS is active")
    if not talk.may_start_tls:
        raise bad("TLS is not offered here")
    talk.starts_tls = True
    return Answer("OK", "Begin TLS")
