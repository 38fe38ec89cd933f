"""What has become of the messages that a client knows (RFC 7162 §3.1.4.1, §3.2.5, §3.2.6).

Strategy: the messages that have changed are asked of the store, which looks at every message of the mailbox for that;
those that have vanished are worked out from the view. Older messages are loaded only where they are spoken of.
"""

from collections.abc import Sequence
from itertools import islice

from imap.commands import vanished
from imap.commands.numbers import among, chosen, load_older
from imap.state import Conversation
from imap.wire.command import Command
from imap.wire.opening import Known
from imap.wire.sequence_set import Range, SequenceSet

A_TURN = 5000  # UIDs that are looked at before others have a turn
MAX_PAIRS = 1000  # of numbers and UIDs that a client shows and that are looked at, the highest


async def changed(talk: Conversation, command: Command, numbers: SequenceSet, since: int) -> list[int]:
    """Return the UIDs of those of the messages meant that have changed after a mod-sequence."""
    if command.is_uid:
        return await _changed_uids(talk, numbers, since)
    meant = await chosen(talk, command, numbers)
    found = frozenset(await talk.store.changed_since(talk.mailbox.mailbox_id, since))
    return [uid for uid in meant if uid in found]


async def changed_of(talk: Conversation, known: Known) -> Sequence[int]:
    """Return the UIDs of those messages that a client knows and that have changed since it did."""
    return await _changed_uids(talk, known.uids or SequenceSet(((1, max(1, talk.mailbox.uidnext - 1)),)), known.modseq)


async def tell_vanished(talk: Conversation, uids: SequenceSet | None, known: Known | None = None) -> None:
    """Tell which of these UIDs (None: of all there ever were) are no more, from where the client can show it knows."""
    newest = talk.mailbox.uidnext - 1
    first = 1 if known is None else await _shown(talk, known) + 1
    ranges = [(1, newest)] if uids is None else uids.ranges(max(newest, 1))
    clipped: list[Range] = [
        (max(low, first), min(high, newest)) for low, high in ranges if max(low, first) <= min(high, newest)
    ]
    if not clipped:
        return
    if talk.mailbox.lacks((clipped[0][0],)):
        await load_older(talk)
    await vanished.tell_earlier(talk, clipped, talk.mailbox.uids_from(clipped[0][0]))


async def _changed_uids(talk: Conversation, uids: SequenceSet, since: int) -> list[int]:
    view = talk.mailbox
    found = await talk.store.changed_since(view.mailbox_id, since)
    named: list[int] = []
    for start in range(0, len(found), A_TURN):
        if start:
            await talk.output.drain()
        part = await among(talk, found[start : start + A_TURN], uids)
        if view.lacks(part):
            await load_older(talk)
        named += [uid for uid in part if view.number(uid)]  # not those that it has not heard of yet
    return named


async def _shown(talk: Conversation, known: Known) -> int:
    """Return the highest UID that stands where the client says: up to there it knows what is gone (§3.2.5.2)."""
    view = talk.mailbox
    for number, uid in islice(known.pairs(len(view)), MAX_PAIRS):
        if view.lacks((uid,)):
            await load_older(talk)
        if view.number(uid) == number:
            return uid
    return 0
