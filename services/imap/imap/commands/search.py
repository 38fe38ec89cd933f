"""SEARCH and UID SEARCH (RFC 3501 §6.4.4, §6.4.8)."""

from collections.abc import Sequence

from imap.state import Conversation
from imap.store import Output
from imap.wire import search_keys
from imap.wire.answer import Answer, no
from imap.wire.command import Command
from imap.wire.search_keys import Candidate, Extent, Key

MAX_WORK = 800_000  # flags looked at, or their like: about a second
MAX_AT_ONCE = 80_000  # for one message: nobody else has a turn meanwhile
BREATH = 20_000  # after which others have one
BATCH = 50  # messages brought at a time
HEADERS = 16  # with their headers, which may be large


async def run(talk: Conversation, command: Command) -> Answer:
    """Answer the numbers (or UIDs) of the messages for which all keys hold."""
    arguments = command.arguments
    arguments.space()
    search_keys.charset(arguments)
    key = search_keys.read(arguments)
    view = talk.mailbox
    work = _Work(talk.output, key)
    work.permit(key.cost * len(view))
    test = key.bind(Extent(len(view), view.last_uid))
    found: list[int] = []
    uids, size = view.uids(), HEADERS if key.needs_header else BATCH
    for start in range(0, len(uids), size):
        if start:
            await talk.output.drain()
        for candidate in await _candidates(talk, key, uids[start : start + size]):
            await work.begin(candidate)
            if test(candidate):
                found.append(candidate.uid if command.is_uid else candidate.number)
    talk.output.write(b"* SEARCH%b\r\n" % b"".join(b" %d" % number for number in found))
    return Answer("OK", "Done")


class _Work:
    """What a search costs: bounded as a whole and for each message, and a turn for others every so often."""

    def __init__(self, output: Output, key: Key) -> None:
        self._output = output
        self._key = key
        self._total = self._since_breath = 0

    def permit(self, cost: int) -> None:
        """Add a cost; raise a NO fault if it is too much."""
        self._total += cost
        if self._total > MAX_WORK:
            raise no("LIMIT", "Too much to search through")

    async def begin(self, candidate: Candidate) -> None:
        """Add what this message's header costs, before it is looked into."""
        in_header = self._key.header_cost(candidate.header) if self._key.needs_header else 0
        self.permit(in_header if in_header <= MAX_AT_ONCE else MAX_WORK + 1)
        self._since_breath += self._key.cost + in_header
        if self._since_breath > BREATH:
            self._since_breath = 0
            await self._output.drain()


async def _candidates(talk: Conversation, key: Key, uids: Sequence[int]) -> list[Candidate]:
    view = talk.mailbox
    if not key.needs_store:
        return [Candidate(view.number(uid) or 0, uid, view.flags(uid)) for uid in uids]
    messages = await talk.store.fetch(view.mailbox_id, list(uids), header=key.needs_header, body=False)
    return [
        Candidate(view.number(found.uid) or 0, found.uid, found.flags, found.size, found.arrived, found.header or b"")
        for found in messages
    ]
