"""How a session learns what happened in its mailbox, and tells it."""

from collections.abc import Iterator

from imap.state import Conversation, Gone
from imap.view import News
from imap.wire.encode import flags

LINES = 1000  # of news, between which the client must take some, and others have a turn


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
    await tell(talk, view.apply(changes))
    talk.waited = changes.waited
    # A bell from before this look is answered by it, whatever it said; one from meanwhile stands.
    if talk.heard == heard:
        talk.heard = 0


async def check(talk: Conversation) -> None:
    """Raise Gone if the mailbox is; news must wait for a command that may tell it (RFC 3501 §7.4.1)."""
    view = talk.mailbox
    if await talk.store.changes(view.mailbox_id, view.modseq, view.uidnext) is None:
        raise Gone


async def tell(talk: Conversation, news: News) -> None:
    """Write untagged responses in an order in which every number is right (RFC 3501 §7.4.1)."""
    for told, line in enumerate(_lines(news), 1):
        talk.output.write(line)
        if told % LINES == 0:
            await talk.output.drain()


def _lines(news: News) -> Iterator[bytes]:
    for number in news.expunged:
        yield b"* %d EXPUNGE\r\n" % number
    if news.exists is not None:
        yield b"* %d EXISTS\r\n" % news.exists
    for number, mask in news.flagged:
        yield b"* %d FETCH (FLAGS %b)\r\n" % (number, flags(mask))
