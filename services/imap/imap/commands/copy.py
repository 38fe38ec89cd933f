"""COPY (RFC 3501 §6.4.7) and MOVE (RFC 6851), by number and by UID, with COPYUID (RFC 4315 §3)."""

from collections.abc import AsyncIterator, Sequence

from imap.commands.look import told_gone
from imap.commands.naming import read_name
from imap.commands.numbers import chosen, done
from imap.state import Conversation, Gone
from imap.store import NotPut, Put
from imap.wire.answer import Answer, Fault, no
from imap.wire.command import Command
from imap.wire.sequence_set import spell

MAX_COPIED = 10_000  # messages: all of them are copied at once, or none
MOVED_A_STEP = 500  # messages; each step is a transaction, as RFC 6851 §3.3 lets it be

_REFUSED = {
    NotPut.MISSING: ("TRYCREATE", "No such mailbox"),
    NotPut.FULL: ("OVERQUOTA", "No room for copies"),
}


async def copy(talk: Conversation, command: Command) -> Answer:
    """Copy messages to the end of a mailbox."""
    uids, name = await _arguments(talk, command)
    if len(uids) > MAX_COPIED:
        raise no("LIMIT", "Too many messages at once")
    put = await talk.store.copy(talk.mailbox.mailbox_id, uids, name)
    if isinstance(put, NotPut):
        raise refusal(put)
    _ring(talk, put)
    answer = done(talk, command, len(uids) - len(put.copied))
    return Answer("OK", answer.text, _copyuid(put)) if put.copied else answer


async def move(talk: Conversation, command: Command) -> Answer:
    """Move messages to the end of a mailbox, telling of each step what became of its messages."""
    uids, name = await _arguments(talk, command)
    if talk.is_read_only:
        raise no("READ-ONLY", "The mailbox was opened with EXAMINE")
    missing = len(uids)
    async for put in move_all(talk, talk.mailbox.mailbox_id, uids, name):
        missing -= len(put.copied)
        if put.copied:
            # RFC 6851 §4.3: before the EXPUNGEs, so that the client knows both sides of each.
            talk.output.write(b"* OK [%b] Moved\r\n" % _copyuid(put).encode("ascii"))
        for line in told_gone(talk, put.copied):
            talk.output.write(line)
    return done(talk, command, missing)


async def move_all(talk: Conversation, mailbox_id: int, uids: Sequence[int], name: str) -> AsyncIterator[Put]:
    """Move messages step by step; yield what came of each. Raise a NO fault, Gone or Unavailable."""
    for start in range(0, max(len(uids), 1), MOVED_A_STEP):
        if start:
            await talk.output.drain()
        put = await talk.store.move(mailbox_id, uids[start : start + MOVED_A_STEP], name)
        if isinstance(put, NotPut):
            raise refusal(put)
        _ring(talk, put)
        if put.source_modseq:
            talk.ring(mailbox_id, put.source_modseq)
        yield put


def refusal(why: NotPut) -> Fault | Gone:
    """Return what to raise where nothing was put."""
    return Gone() if why is NotPut.GONE else no(*_REFUSED[why])


async def _arguments(talk: Conversation, command: Command) -> tuple[list[int], str]:
    arguments = command.arguments
    arguments.space()
    numbers = arguments.sequence_set()
    arguments.space()
    name = read_name(talk, arguments)
    arguments.end()
    return await chosen(talk, command, numbers), name


def _ring(talk: Conversation, put: Put) -> None:
    if put.copied:
        talk.ring(put.mailbox_id, put.modseq)


def _copyuid(put: Put) -> str:
    new = range(put.first_uid, put.first_uid + len(put.copied))
    return f"COPYUID {put.uidvalidity} {spell(put.copied).decode('ascii')} {spell(new).decode('ascii')}"
