"""GETQUOTAROOT and GETQUOTA (RFC 9208): one quota, of storage, for the whole account."""

from imap.commands.naming import decoded, quoted
from imap.state import Conversation
from imap.wire.answer import Answer, no
from imap.wire.command import Command

_UNIT = 1024  # octets; RFC 9208 §5.1 counts STORAGE in these


async def put(talk: Conversation, command: Command) -> Answer:
    """Refuse SETQUOTA (§4.1.3), once it is sure that the command was one."""
    arguments = command.arguments
    arguments.space()
    arguments.astring()
    arguments.space()
    arguments.expect(b"(")
    while not arguments.takes(b")"):
        arguments.takes(b" ")
        arguments.atom()
        arguments.space()
        arguments.number64()
    arguments.end()
    raise no("NOPERM", "Quotas are the operator's")


async def run(talk: Conversation, command: Command) -> Answer:
    """Answer what is used and what may be used; the root's name is empty."""
    arguments = command.arguments
    arguments.space()
    name = arguments.astring()
    arguments.end()
    if command.name == b"GETQUOTAROOT":
        box = decoded(talk, name)
        if box not in await talk.store.names(talk.owner.account_id):
            raise no("NONEXISTENT", "No such mailbox")
        talk.output.write(b'* QUOTAROOT %b ""\r\n' % quoted(talk, box))
    elif name:
        raise no("NONEXISTENT", "No such quota root")
    quota = await talk.store.quota(talk.owner.account_id)
    numbers = (-(-quota.used // _UNIT), quota.limit // _UNIT)
    talk.output.write(b'* QUOTA "" (STORAGE %d %d)\r\n' % numbers)
    return Answer("OK", "Done")
