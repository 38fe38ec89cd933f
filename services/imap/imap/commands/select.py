"""SELECT and EXAMINE (RFC 3501 §6.3.1, §6.3.2)."""

from imap.commands.look import known_flags
from imap.state import Conversation, State
from imap.store import Snapshot
from imap.view import View
from imap.wire import utf7
from imap.wire.answer import Answer, bad, no
from imap.wire.command import Command
from imap.wire.encode import mailbox_id


async def run(talk: Conversation, command: Command) -> Answer:
    """Open a mailbox; the one that was open is left, also if this one cannot be opened."""
    arguments = command.arguments
    arguments.space()
    name = utf7.decode(arguments.astring())
    if arguments.takes(b" ("):
        # RFC 4466 §2.1: CONDSTORE and its like stand here; we announce none, so none may be sent.
        raise bad("Unknown parameter")
    arguments.end()
    if talk.view is not None:
        talk.deselect()
    talk.must_look = False  # before the snapshot: what is heard while it is taken must count
    snapshot = await talk.store.snapshot(talk.owner.account_id, name)
    if snapshot is None:
        raise no("NONEXISTENT", "No such mailbox")
    if talk.watched != snapshot.mailbox_id:
        talk.watched, talk.heard, talk.must_look = snapshot.mailbox_id, 0, True  # no bell was heard until now
        talk.watch(snapshot.mailbox_id)
    talk.view = View(snapshot)
    talk.state = State.SELECTED
    talk.is_read_only = command.name == b"EXAMINE"
    _describe(talk, snapshot)
    return Answer("OK", "Done", "READ-ONLY" if talk.is_read_only else "READ-WRITE")


def _describe(talk: Conversation, snapshot: Snapshot) -> None:
    view = talk.mailbox
    lines = [
        b"%d EXISTS" % len(view),
        b"0 RECENT",
        b"OK [UIDVALIDITY %d] UIDs valid" % snapshot.uidvalidity,
        b"OK [UIDNEXT %d] Next UID" % view.uidnext,
        b"OK [MAILBOXID (%b)] Its name for ever" % mailbox_id(snapshot.mailbox_id),
    ]
    if unseen := view.first_unseen:
        lines.insert(2, b"OK [UNSEEN %d] First unseen" % unseen)
    talk.output.write(known_flags(talk) + b"".join(b"* %b\r\n" % line for line in lines))
