"""EXPUNGE (RFC 3501 §6.4.3) and UID EXPUNGE (RFC 4315 §2.1)."""

from collections.abc import AsyncIterator, Sequence

from imap.commands.look import look, told_gone
from imap.commands.numbers import among, follow, load_older, touched
from imap.state import Conversation
from imap.store import Flag, Uids, Unavailable
from imap.wire.answer import Answer, no
from imap.wire.command import Command
from imap.wire.sequence_set import SequenceSet

BATCH = 500  # messages in one call of the store, which is one transaction


async def run(talk: Conversation, command: Command) -> Answer:
    r"""Remove what carries \Deleted, all of it or among the UIDs given, and tell each."""
    arguments = command.arguments
    wanted = None
    if command.is_uid:
        arguments.space()
        wanted = arguments.sequence_set()
    arguments.end()
    if talk.is_read_only:
        raise no("READ-ONLY", "The mailbox was opened with EXAMINE")
    uids = await _candidates(talk, wanted)
    if talk.mailbox.lacks(uids):
        await load_older(talk)
    expected = {uid for uid in uids if talk.mailbox.number(uid) and talk.mailbox.flags(uid) & Flag.DELETED}
    is_any_gone = False
    async for gone in remove(talk, uids):
        expected.difference_update(gone.uids)
        is_any_gone |= len(gone.uids) > 0
        for line in told_gone(talk, gone.uids):
            talk.output.write(line)
        follow(talk, gone.modseq)
        touched(talk, gone.modseq)
    talk.must_look |= len(expected) > 0  # another session was faster
    return Answer("OK", "Done", await _highest(talk) if talk.tells_vanished and is_any_gone else "")


async def _candidates(talk: Conversation, wanted: SequenceSet | None) -> Sequence[int]:
    r"""Return what may be removed, and with it all that is to be; the store removes only what carries \Deleted."""
    view = talk.mailbox
    if wanted is not None and not wanted.is_saved and not view.reaches_older(wanted, is_uid=True):
        named = view.by_uid(wanted)
        if len(named) <= BATCH:  # a client that names its few messages spares the question which they are
            return named
    uids = await deleted(talk)
    return uids if wanted is None else await among(talk, uids, wanted)


async def _highest(talk: Conversation) -> str:
    """Return the code that tells how far the client has come with this (RFC 7162 §3.2.7), told of all before it."""
    try:
        if talk.is_stale:
            await look(talk)
    except Unavailable:
        return ""  # what is done is done; how far that has come it hears another time
    return f"HIGHESTMODSEQ {talk.mailbox.modseq}"


async def deleted(talk: Conversation) -> Sequence[int]:
    r"""Return what carries \Deleted now, among the messages that this client was told of."""
    found = await talk.store.deleted(talk.mailbox.mailbox_id, talk.mailbox.uidnext)
    if found is None:
        talk.must_look = True
        return ()
    talk.heard = max(talk.heard, found.modseq)  # as a bell would say: others may have expunged some
    return found.uids


async def remove(talk: Conversation, uids: Sequence[int]) -> AsyncIterator[Uids]:
    """Remove messages from the store, so many at a time; yield those that were there."""
    for start in range(0, len(uids), BATCH):
        if start:
            await talk.output.drain()
        yield await talk.store.expunge(talk.mailbox.mailbox_id, uids[start : start + BATCH])
