"""AUTHENTICATE PLAIN (RFC 3501 §6.2.2, RFC 4616), with an initial response (RFC 4959)."""

import base64
import binascii

from imap.commands.login import enter, require_tls
from imap.state import Conversation, State
from imap.wire.answer import Answer, bad, no
from imap.wire.command import Command


async def run(talk: Conversation, command: Command) -> Answer | None:
    """Take the initial response, or ask for it."""
    arguments = command.arguments
    arguments.space()
    mechanism = arguments.keyword()
    initial = None
    if not arguments.at_end():
        arguments.space()
        initial = arguments.atom()
    arguments.end()
    require_tls(talk)
    if mechanism != b"PLAIN":
        raise no("CANNOT", "Only PLAIN is known")
    if initial is not None:
        return await _enter(talk, b"" if initial == b"=" else initial)
    talk.state, talk.tag = State.AUTHENTICATING, command.tag
    talk.output.write(b"+ \r\n")
    return None


async def go_on(talk: Conversation, line: bytes) -> Answer:
    """Take the response that was asked for."""
    talk.state = State.STRANGER
    response = line.removesuffix(b"\r\n")
    if response == b"*":
        raise bad("Cancelled")
    return await _enter(talk, response)


async def _enter(talk: Conversation, response: bytes) -> Answer:
    try:
        parts = base64.b64decode(response, validate=True).split(b"\0")
    except binascii.Error:
        raise bad("Cannot decode the response") from None
    if len(parts) != 3:
        raise bad("Cannot read the response")
    authorize, name, password = parts
    if authorize not in (b"", name):
        raise no("AUTHORIZATIONFAILED", "Nobody may act for another")
    return await enter(talk, name, password)
