"""STATUS (RFC 3501 §6.3.10), with SIZE (RFC 8438)."""

from imap.state import Conversation
from imap.store import Status
from imap.wire import utf7
from imap.wire.answer import Answer, bad, no
from imap.wire.command import Command
from imap.wire.encode import mailbox


async def run(talk: Conversation, command: Command) -> Answer:
    """Answer the numbers that were asked for."""
    arguments = command.arguments
    arguments.space()
    name = utf7.decode(arguments.astring())
    arguments.space()
    arguments.expect(b"(")
    asked = [arguments.keyword()]
    while not arguments.takes(b")"):
        arguments.space()
        asked.append(arguments.keyword())
    arguments.end()
    if not _NUMBERS.keys() >= set(asked):
        raise bad("Unknown STATUS item")
    status = await talk.store.status(talk.owner.account_id, name)
    if status is None:
        raise no("NONEXISTENT", "No such mailbox")
    numbers = _numbers(status)
    words = b" ".join(b"%b %d" % (item, numbers[item]) for item in dict.fromkeys(asked))
    talk.output.write(b"* STATUS %b (%b)\r\n" % (mailbox(name), words))
    return Answer("OK", "Done")


def _numbers(status: Status) -> dict[bytes, int]:
    return {
        b"MESSAGES": status.messages,
        b"RECENT": 0,
        b"UIDNEXT": status.uidnext,
        b"UIDVALIDITY": status.uidvalidity,
        b"UNSEEN": status.unseen,
        b"SIZE": status.size,
    }


_NUMBERS = _numbers(Status(0, 0, 0, 0, 0, 0))
