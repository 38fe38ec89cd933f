"""How a session learns what happened in its mailbox, and tells it."""

from imap.state import Conversation, Gone
from imap.view import News
from imap.wire.encode import flags


async def look(talk: Conversation) -> None:
    """Follow the store and write the news; raise Gone or Unavailable, after which a look is still due."""
    view, heard = talk.mailbox, talk.heard
    is_done = False
    talk.must_look = False
    try:
        changes = await talk.store.changes(view.mailbox_id, view.modseq, view.uidnext)
        is_done = True
    finally:
        talk.must_look |= not is_done
    if changes is None:
        raise Gone
    tell(talk, view.apply(changes))
    # A bell from before this look is answered by it, whatever it said; one from meanwhile stands.
    if talk.heard == heard:
        talk.heard = 0


def tell(talk: Conversation, news: News) -> None:
    """Write untagged responses in an order in which every number is right (RFC 3501 §7.4.1)."""
    for number in news.expunged:
        talk.output.write(b"* %d EXPUNGE\r\n" % number)
    if news.exists is not None:
        talk.output.write(b"* %d EXISTS\r\n" % news.exists)
    for number, mask in news.flagged:
        talk.output.write(b"* %d FETCH (FLAGS %b)\r\n" % (number, flags(mask)))
