"""COMPRESS (RFC 4978)."""

from imap.state import Conversation
from imap.wire.answer import Answer, Fault, bad
from imap.wire.command import Command

_ACTIVE = Answer("BAD", "This layer compresses already", "COMPRESSIONACTIVE")


async def run(talk: Conversation, command: Command) -> Answer:
    """Agree; the connection compresses from behind the answer on."""
    if not talk.house.has_compression:
        raise bad("Unknown command")
    arguments = command.arguments
    arguments.space()
    mechanism = arguments.keyword()
    arguments.end()
    if mechanism != b"DEFLATE":
        raise bad("Only DEFLATE is known")
    if talk.is_compressed:
        raise Fault(_ACTIVE)  # §3: BAD, where it is COMPRESS itself that is active
    talk.starts_compression = True
    return Answer("OK", "Begin DEFLATE")
