"""APPEND (RFC 3501 §6.3.11), of several messages at once (RFC 3502), with APPENDUID (RFC 4315 §3).

Strategy: a message may be larger than any command, so it is announced, taken and ended apart. What can be refused is
refused before its octets are asked for; where a client does not ask, they are dropped.
"""

from imap.commands.naming import read_name
from imap.state import Appending, Conversation, Gone
from imap.store import Enclosed, Letterbox, NotPut, TooMuch, Unfit
from imap.wire import append_head
from imap.wire.answer import Answer, Fault, bad, no
from imap.wire.append_head import Head
from imap.wire.command import Command
from imap.wire.grammar import Scanner
from imap.wire.sequence_set import spell

MAX_MESSAGES = 100  # in one command: all of them are stored at once, or none
MAX_TOGETHER = 64 * 1024 * 1024  # octets of them

_TRY_CREATE = no("TRYCREATE", "No such mailbox").answer
_FULL = no("OVERQUOTA", "The mailbox is full").answer


async def run(talk: Conversation, command: Command) -> Answer:
    """Refuse an APPEND that announces no message: those that do are not framed as one command."""
    raise bad("Message expected")


async def begin(talk: Conversation, command: Command, size: int) -> None:
    """Read the arguments before the first message, and be ready for its octets; raise a fault or Unavailable."""
    arguments = command.arguments
    arguments.space()
    name = read_name(talk, arguments)
    head = append_head.read(arguments, is_utf8=talk.is_utf8)
    letterbox = talk.letterbox
    if letterbox is None:
        raise no("CANNOT", "Nothing can be appended here")
    if name not in await talk.store.names(talk.owner.account_id):
        raise Fault(_TRY_CREATE)
    talk.appending = Appending(command.tag, name, [], 0)
    await _expect(talk, letterbox, head, size)


async def go_on(talk: Conversation, line: bytes, size: int) -> None:
    """Read what stands between two messages, and be ready for the next one; raise a fault or Unavailable."""
    assert talk.appending is not None
    assert talk.letterbox is not None
    scanner = Scanner(line)
    scanner.expect(talk.appending.closing)
    head = append_head.read(scanner, is_utf8=talk.is_utf8)
    if len(talk.appending.messages) == MAX_MESSAGES:
        raise no("LIMIT", "Too many messages at once")
    await _expect(talk, talk.letterbox, head, size)


def take(talk: Conversation, data: bytes) -> None:
    """Keep octets of the message that is arriving, if it is wanted."""
    if talk.appending is not None:
        talk.appending.messages[-1].octets.write(data)


async def finish(talk: Conversation, appending: Appending, line: bytes) -> Answer:
    """Store what has arrived, all of it or nothing."""
    letterbox = talk.letterbox
    assert letterbox is not None
    if line != appending.closing + b"\r\n":
        raise bad("Syntax error")
    try:
        put = await letterbox.put(talk.owner.account_id, appending.name, appending.messages)
    except Unfit as unfit:
        raise no("CANNOT", str(unfit)) from None
    except TooMuch:
        raise no("LIMIT", "Too much is being appended, try again later") from None
    if isinstance(put, NotPut):
        raise _refusal(put)
    talk.ring(put.mailbox_id, put.modseq)
    uids = range(put.first_uid, put.first_uid + len(appending.messages))
    return Answer("OK", "Done", f"APPENDUID {put.uidvalidity} {spell(uids).decode('ascii')}")


def _refusal(why: NotPut) -> Fault | Gone:
    if why is NotPut.GONE:
        return Gone()
    return Fault(_FULL if why is NotPut.FULL else _TRY_CREATE)


async def _expect(talk: Conversation, letterbox: Letterbox, head: Head, size: int) -> None:
    assert talk.appending is not None
    if not size:
        raise no("CANNOT", "An empty message")  # RFC 3502 §3: an empty literal takes the command back
    talk.appending.octets += size
    talk.appending.closing = head.closing
    if size > talk.house.append_limit or talk.appending.octets > max(MAX_TOGETHER, talk.house.append_limit):
        raise no("TOOBIG", "Too large")
    quota = await talk.store.quota(talk.owner.account_id)
    if quota.used + talk.appending.octets > quota.limit:
        raise Fault(_FULL)
    mask, keywords = head.flags
    arriving = letterbox.receive(talk.owner.account_id)
    talk.appending.messages.append(Enclosed(arriving, mask, keywords, head.dated))
