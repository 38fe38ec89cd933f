"""How a session learns what happened in its mailbox, and tells it."""

from collections.abc import Iterator

from imap.state import Conversation, Gone
from imap.view import News
from imap.wire.encode import flags
from shared.mail.mailbox import FIRST_KEYWORD, MAX_KEYWORDS

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
    for told, line in enumerate(_lines(talk, news), 1):
        talk.output.write(line)
        if told % LINES == 0:
            await talk.output.drain()


def known_flags(talk: Conversation) -> bytes:
    """Return which flags there are in the mailbox and which the client may change (RFC 3501 §7.1, §7.2.6)."""
    keywords = talk.mailbox.keywords
    known = flags((1 << FIRST_KEYWORD + len(keywords)) - 1, keywords)
    may_make = b" \\*)" if len(keywords) < MAX_KEYWORDS else b")"
    permanent = b"()" if talk.is_read_only else known[:-1] + may_make
    return b"* FLAGS %b\r\n* OK [PERMANENTFLAGS %b] Flags kept\r\n" % (known, permanent)


def _lines(talk: Conversation, news: News) -> Iterator[bytes]:
    if news.has_keywords:
        yield known_flags(talk)
    for number in news.expunged:
        yield b"* %d EXPUNGE\r\n" % number
    if news.exists is not None:
        yield b"* %d EXISTS\r\n" % news.exists
    for number, mask in news.flagged:
        yield b"* %d FETCH (FLAGS %b)\r\n" % (number, flags(mask, talk.mailbox.keywords))
