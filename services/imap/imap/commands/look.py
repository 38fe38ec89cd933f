"""How a session learns what happened in its mailbox, and tells it."""

from collections.abc import Iterator, Sequence

from imap.commands import modseqs, vanished
from imap.commands.numbers import load_older
from imap.state import Conversation, Gone
from imap.view import News, Outlived
from imap.wire.encode import flags
from shared.mail.mailbox import FIRST_KEYWORD, MAX_KEYWORDS

LINES = 1000  # of news, between which the client must take some, and others have a turn


async def look(talk: Conversation) -> None:
    """Follow the store and write the news; raise Gone, Astray or Unavailable, after which a look is still due."""
    view, heard = talk.mailbox, talk.heard
    is_done = False
    told = talk.arrivals.take(view, heard, talk.now())
    if talk.must_look or talk.tells_modseqs:  # which bells do not know enough for
        told = None
    talk.must_look = False
    try:
        changes = told or await talk.store.changes(view.mailbox_id, view.modseq, view.uidnext)
        if changes is None:
            raise Gone
        if changes.modseq < view.modseq:  # a crash took changes back: others have their modseqs now, or will have
            raise Outlived
        if view.lacks(changes.expunged) or view.lacks(uid for uid, _ in changes.flagged):
            await load_older(talk)
        is_done = True
    finally:
        talk.must_look |= not is_done
    await tell(talk, view.apply(changes, is_all_told=talk.tells_modseqs))
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


def told_gone(talk: Conversation, uids: Sequence[int]) -> Iterator[bytes]:
    """Forget messages that this client has had removed, and yield what tells so; `uids` ascend."""
    known = [uid for uid in uids if talk.mailbox.number(uid)]
    return gone(talk, talk.mailbox.expunge(known), known)


def gone(talk: Conversation, numbers: Sequence[int], uids: Sequence[int]) -> Iterator[bytes]:
    """Yield what tells that messages are gone: their numbers as told one after the other, or their UIDs, ascending."""
    if talk.tells_vanished:
        return vanished.lines(uids)
    return (b"* %d EXPUNGE\r\n" % number for number in numbers)


def _lines(talk: Conversation, news: News) -> Iterator[bytes]:
    if news.has_keywords:
        yield known_flags(talk)
    yield from gone(talk, news.expunged, news.vanished)
    if news.exists is not None:
        yield b"* %d EXISTS\r\n" % news.exists
    for (number, mask), (uid, modseq) in zip(news.flagged, news.changed, strict=True):
        if talk.tells_modseqs:
            yield modseqs.fetched(talk, number, uid, mask, modseq)
        else:
            yield b"* %d FETCH (FLAGS %b)\r\n" % (number, flags(mask, talk.mailbox.keywords))
