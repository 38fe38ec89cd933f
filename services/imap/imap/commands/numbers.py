"""Which messages a command means, loaded if they were not, and how it ends if some of them are no more."""

from collections.abc import Sequence

from imap.state import Conversation, Gone
from imap.wire.answer import Answer
from imap.wire.command import Command
from imap.wire.sequence_set import SequenceSet, contains


async def chosen(talk: Conversation, command: Command, numbers: SequenceSet) -> list[int]:
    """Return the UIDs that a set of UIDs or of message numbers, as the command has it, stands for."""
    view = talk.mailbox
    if numbers.is_saved:  # by a search, which has loaded everything
        return [uid for uid in talk.saved if view.number(uid)]
    if view.reaches_older(numbers, is_uid=command.is_uid):
        await load_older(talk)
    return view.by_uid(numbers) if command.is_uid else view.by_number(numbers)


async def among(talk: Conversation, uids: Sequence[int], wanted: SequenceSet) -> list[int]:
    """Return those of `uids` that are in a set of UIDs; which others there are need not be known for that."""
    if wanted.is_saved:
        saved = frozenset(talk.saved)
        return [uid for uid in uids if uid in saved]
    if talk.mailbox.is_last_older:  # which `*` may stand for
        await load_older(talk)
    ranges = wanted.ranges(talk.mailbox.last_uid)
    return [uid for uid in uids if contains(ranges, uid)]


async def load_older(talk: Conversation) -> None:
    """Load the messages that were left out when the mailbox was opened; raise Gone, Astray or Unavailable."""
    view = talk.mailbox
    if view.older:
        older = await talk.store.older(view.mailbox_id, view.first, view.modseq)
        if older is None:
            raise Gone
        view.add_older(older)


def follow(talk: Conversation, modseq: int) -> None:
    """Note that this client has been told all of a change of its own (0: of none): it need not look for that."""
    if modseq and not talk.mailbox.follow(modseq):
        talk.heard = max(talk.heard, modseq)  # another's change came before


def touched(talk: Conversation, modseq: int) -> None:
    """Let others hear of a change that this client has made; 0: of none."""
    if modseq:
        talk.touched(talk.mailbox.mailbox_id, modseq)


def done(talk: Conversation, command: Command, missing: int) -> Answer:
    """Answer OK; a client that asked by number for messages that are gone is told to look (RFC 5530)."""
    if not missing:
        return Answer("OK", "Done")
    talk.must_look = True
    return Answer("OK", "Done") if command.is_uid else Answer("OK", "Some messages are gone", "EXPUNGEISSUED")
