"""Mod-sequences in a conversation (RFC 7162): who is told of them, and how far a client may believe to have come.

Strategy: a client takes the highest mod-sequence it hears for the point up to which it knows everything (§6), unless
it is told a lower one before the tagged answer. What it has been told of everything up to is the view's modseq; so
whenever a higher one was said (of its own change, or of a message it read, while an EXPUNGE waits), that is added.
"""

from collections.abc import Set

from imap.state import Conversation, State
from imap.wire.answer import bad
from imap.wire.encode import flags

CONDSTORE, QRESYNC = b"CONDSTORE", b"QRESYNC"


def heed(talk: Conversation, complaint: str) -> None:
    """Take note that the client speaks of mod-sequences; from the first time on it is told them (§3.1).

    Raise a BAD fault with this complaint where there are none.
    """
    if not talk.house.has_modseqs:
        raise bad(complaint)
    if not talk.tells_modseqs:
        talk.tells_modseqs = True
        if talk.view is not None:
            talk.output.write(highest(talk))


def enable(talk: Conversation, asked: Set[bytes]) -> list[bytes]:
    """Enable what is asked for of CONDSTORE and QRESYNC, if it is there; return which (§3.2.3)."""
    names = [name for name in (CONDSTORE, QRESYNC) if name in asked and talk.house.has_modseqs]
    if names:
        heed(talk, "")
    talk.tells_vanished |= QRESYNC in names
    return names


def highest(talk: Conversation) -> bytes:
    """Return up to where the client has been told everything."""
    return b"* OK [HIGHESTMODSEQ %d] So far all was told\r\n" % talk.mailbox.modseq


def fetched(talk: Conversation, number: int, uid: int, mask: int | None, modseq: int) -> bytes:
    """Return a FETCH response that was not asked for, as who is told mod-sequences gets it (§3.2.4); None: no flags."""
    talk.told_modseq = max(talk.told_modseq, modseq)
    shown = b"" if mask is None else b"FLAGS %b " % flags(mask, talk.mailbox.keywords)
    return b"* %d FETCH (UID %d %bMODSEQ (%d))\r\n" % (number, uid, shown, modseq)


def settle(talk: Conversation) -> None:
    """At the end of a command, take back what the client would conclude from mod-sequences told too early (§3.2)."""
    if talk.view is not None and talk.told_modseq > talk.view.modseq and talk.state is not State.LEFT:
        talk.output.write(highest(talk))
    talk.told_modseq = 0
