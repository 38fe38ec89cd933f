"""SELECT and EXAMINE (RFC 3501 §6.3.1, §6.3.2)."""

from imap.commands import fetch, modseqs
from imap.commands.look import known_flags
from imap.commands.naming import read_name
from imap.commands.resync import changed_of, tell_vanished
from imap.state import Conversation, State
from imap.store import Snapshot
from imap.view import View
from imap.wire import fetch_items, opening
from imap.wire.answer import Answer, bad, no
from imap.wire.command import Command
from imap.wire.encode import mailbox_id
from imap.wire.grammar import Scanner
from imap.wire.opening import Known, Opening

CHANGED = b"(FLAGS MODSEQ)\r\n"  # is told of each message (RFC 7162 §3.2.5.1)
TAIL = 256  # messages, the newest, that are loaded; the others when something names one of them


async def run(talk: Conversation, command: Command) -> Answer:
    """Open a mailbox; the one that was open is left, also if this one cannot be opened."""
    arguments = command.arguments
    arguments.space()
    name = read_name(talk, arguments)
    wish = _parameters(talk, arguments)
    arguments.end()
    _leave(talk)
    if wish.has_condstore or wish.known:
        modseqs.heed(talk, "Unknown parameter")
    talk.must_look = False  # before the snapshot: what is heard while it is taken must count
    snapshot = await talk.store.snapshot(talk.owner.account_id, name, TAIL)
    if snapshot is None:
        raise no("NONEXISTENT", "No such mailbox")
    if talk.watched != snapshot.mailbox_id:
        talk.watched, talk.heard, talk.must_look = snapshot.mailbox_id, 0, True  # no bell was heard until now
        talk.watch(snapshot.mailbox_id)
    talk.view = View(snapshot)
    talk.state = State.SELECTED
    talk.is_read_only = command.name == b"EXAMINE"
    _describe(talk, snapshot)
    if wish.known and wish.known.uidvalidity == snapshot.uidvalidity:
        await _resynchronise(talk, wish.known)
    return Answer("OK", "Done", "READ-ONLY" if talk.is_read_only else "READ-WRITE")


def _parameters(talk: Conversation, arguments: Scanner) -> Opening:
    """Take what stands behind the name; where there are no mod-sequences, nothing may (RFC 4466 §2.1)."""
    if not talk.house.has_modseqs and arguments.takes(b" ("):
        raise bad("Unknown parameter")
    wish = opening.read(arguments)
    if wish.known and not talk.tells_vanished:
        raise bad("ENABLE QRESYNC first")  # RFC 7162 §3.2.5
    return wish


def _leave(talk: Conversation) -> None:
    """Leave the mailbox that was open; who knows mod-sequences is told when (RFC 7162 §3.2.11)."""
    if talk.view is not None:
        talk.deselect()
        if talk.house.has_modseqs:
            talk.output.write(b"* OK [CLOSED] The mailbox before is closed\r\n")


async def _resynchronise(talk: Conversation, known: Known) -> None:
    """Tell what has become of the messages the client knows: first those that are no more (RFC 7162 §3.2.6)."""
    await tell_vanished(talk, known.uids, known)
    await fetch.answer(talk, fetch_items.read(CHANGED, is_uid=True), await changed_of(talk, known))


def _describe(talk: Conversation, snapshot: Snapshot) -> None:
    view = talk.mailbox
    lines = [
        b"%d EXISTS" % len(view),
        b"0 RECENT",
        b"OK [UIDVALIDITY %d] UIDs valid" % snapshot.uidvalidity,
        b"OK [UIDNEXT %d] Next UID" % view.uidnext,
        b"OK [MAILBOXID (%b)] Its name for ever" % mailbox_id(snapshot.mailbox_id),
    ]
    if talk.house.has_modseqs:
        lines.append(b"OK [HIGHESTMODSEQ %d] So far all is told" % view.modseq)
    if unseen := view.first_unseen:
        lines.insert(2, b"OK [UNSEEN %d] First unseen" % unseen)
    talk.output.write(known_flags(talk) + b"".join(b"* %b\r\n" % line for line in lines))
