"""STATUS (RFC 3501 §6.3.10)."""

from collections.abc import Sequence

from imap.commands.modseqs import heed
from imap.commands.naming import quoted, read_name
from imap.state import Conversation, House
from imap.store import Status
from imap.wire import status_items
from imap.wire.answer import Answer, no
from imap.wire.command import Command
from imap.wire.encode import mailbox_id


async def run(talk: Conversation, command: Command) -> Answer:
    """Answer the numbers that were asked for."""
    arguments = command.arguments
    arguments.space()
    name = read_name(talk, arguments)
    arguments.space()
    items = status_items.read(arguments)
    arguments.end()
    if b"HIGHESTMODSEQ" in items:
        heed(talk, "Unknown STATUS item")
    status = await talk.store.status(talk.owner.account_id, name)
    if status is None:
        raise no("NONEXISTENT", "No such mailbox")
    talk.output.write(line(talk, name, items, status))
    return Answer("OK", "Done")


def line(talk: Conversation, name: str, items: Sequence[bytes], status: Status) -> bytes:
    """Return the untagged response with these items."""
    values = _values(talk.house, status)
    words = b" ".join(b"%b %b" % (item, values[item]) for item in items)
    return b"* STATUS %b (%b)\r\n" % (quoted(talk, name), words)


def _values(house: House, status: Status) -> dict[bytes, bytes]:
    numbers = {
        b"MESSAGES": status.messages,
        b"RECENT": 0,
        b"UIDNEXT": status.uidnext,
        b"UIDVALIDITY": status.uidvalidity,
        b"UNSEEN": status.unseen,
        b"SIZE": status.size,
        b"DELETED": status.deleted,
        b"DELETED-STORAGE": status.deleted_size,
        b"APPENDLIMIT": house.append_limit,
        b"HIGHESTMODSEQ": status.modseq,
    }
    return {
        **{item: b"%d" % number for item, number in numbers.items()},
        b"MAILBOXID": b"(%b)" % mailbox_id(status.mailbox_id),
    }
