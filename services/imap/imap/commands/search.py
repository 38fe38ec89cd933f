"""SEARCH and UID SEARCH (RFC 3501 §6.4.4, §6.4.8)."""

from collections.abc import Sequence

from imap.state import Conversation
from imap.wire import search_keys
from imap.wire.answer import Answer, no
from imap.wire.command import Command
from imap.wire.search_keys import Candidate, Extent, Key, Test

MAX_WORK = 400_000  # flags looked at, or their like: about half a second
BATCH = 50  # messages between which others have a turn


async def run(talk: Conversation, command: Command) -> Answer:
    """Answer the numbers (or UIDs) of the messages for which all keys hold."""
    arguments = command.arguments
    arguments.space()
    search_keys.charset(arguments)
    key = search_keys.read(arguments)
    view = talk.mailbox
    if key.cost * len(view) > MAX_WORK:
        raise no("LIMIT", "Too much to search through")
    test = key.bind(Extent(len(view), view.last_uid))
    found: list[int] = []
    uids = view.uids()
    for start in range(0, len(uids), BATCH):
        if start:
            await talk.output.drain()
        candidates = await _candidates(talk, key, uids[start : start + BATCH])
        found += _matching(candidates, test, is_uid=command.is_uid)
    talk.output.write(b"* SEARCH%b\r\n" % b"".join(b" %d" % number for number in found))
    return Answer("OK", "Done")


def _matching(candidates: Sequence[Candidate], test: Test, *, is_uid: bool) -> list[int]:
    return [found.uid if is_uid else found.number for found in candidates if test(found)]


async def _candidates(talk: Conversation, key: Key, uids: Sequence[int]) -> list[Candidate]:
    view = talk.mailbox
    if not key.needs_store:
        return [Candidate(view.number(uid) or 0, uid, view.flags(uid)) for uid in uids]
    messages = await talk.store.fetch(view.mailbox_id, list(uids), header=key.needs_header, body=False)
    return [
        Candidate(view.number(found.uid) or 0, found.uid, found.flags, found.size, found.arrived, found.header or b"")
        for found in messages
    ]
