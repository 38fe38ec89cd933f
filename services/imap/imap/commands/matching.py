"""Which messages of the mailbox a search key holds for; SEARCH, SORT and THREAD ask alike.

Strategy: what a search costs is added up before it is spent, and bounded as a whole and for each message; others have a
turn every so often. Texts in bodies come last: only messages for which all else holds are read, slice by slice.
"""

from array import array
from collections.abc import AsyncIterator, Sequence

from imap.commands.numbers import load_older
from imap.commands.octets import Breath, Octets, Vanished
from imap.commands.structures import structure
from imap.content.encoded_words import decode_header
from imap.content.seeker import PartReader, Seeker
from imap.state import Conversation
from imap.store import Message, Output
from imap.view import View
from imap.wire.answer import no
from imap.wire.search_key import Candidate, Extent, Key, Needle

MAX_WORK = 800_000  # flags looked at, or their like: about a second
MAX_AT_ONCE = 80_000  # for one message: nobody else has a turn meanwhile
BREATH = 20_000  # after which others have one
BATCH = 50  # messages brought at a time
HEADERS = 16  # with their headers, which may be large, or their bodies
OCTETS_READ = 100  # of a body, for which finding its texts and decoding them costs as much as looking at a flag
OCTETS_SOUGHT = 512  # in which looking for one text costs so much


async def matching(talk: Conversation, key: Key) -> AsyncIterator[Candidate]:
    """Yield the messages for which the key holds, ascending; raise a NO fault if that costs too much."""
    await load_older(talk)
    view = talk.mailbox
    extent = Extent(len(view), view.last_uid, int(talk.now()), frozenset(talk.saved))
    search = _Search(talk, extent, _Work(talk.output))
    uids: Sequence[int] = view.uids()
    if key.first is not None:
        uids = array("I", [candidate.uid async for candidate in search.among(uids, key.first)])
    async for candidate in search.among(uids, key):
        yield candidate


class _Work:
    """What a search has cost so far."""

    def __init__(self, output: Output) -> None:
        self._output = output
        self._total = self._since_breath = 0

    def permit(self, cost: int) -> None:
        """Add a cost; raise a NO fault if it is too much."""
        self._total += cost
        if self._total > MAX_WORK:
            raise no("LIMIT", "Too much to search through")

    async def begin(self, key: Key, candidate: Candidate) -> None:
        """Add what this message's header costs, before it is looked into."""
        in_header = key.header_cost(candidate.header) if key.needs_header else 0
        self.permit(in_header if in_header <= MAX_AT_ONCE else MAX_WORK + 1)
        self._since_breath += key.cost + in_header
        if self._since_breath > BREATH:
            self._since_breath = 0
            await self._output.drain()


class _Search:
    """One search under way."""

    def __init__(self, talk: Conversation, extent: Extent, work: _Work) -> None:
        self._talk = talk
        self._extent = extent
        self._work = work
        self._breath = Breath(talk.output)

    async def among(self, uids: Sequence[int], key: Key) -> AsyncIterator[Candidate]:
        """Yield those of `uids` for which the key holds."""
        self._work.permit(key.cost * len(uids))
        test = key.bind(self._extent)
        size = HEADERS if key.needs_header else BATCH
        for start in range(0, len(uids), size):
            if start:
                await self._talk.output.drain()
            async for candidate in self._candidates(key, uids[start : start + size]):
                if test(candidate):
                    yield candidate

    async def _candidates(self, key: Key, uids: Sequence[int]) -> AsyncIterator[Candidate]:
        view = self._talk.mailbox
        if not key.needs_store:
            for uid in uids:
                mask = view.flags(uid)
                candidate = Candidate(view.number(uid) or 0, uid, mask, keywords=view.words(mask))
                await self._work.begin(key, candidate)
                yield candidate
            return
        header, body = key.needs_header, bool(key.needles)
        for message in await self._talk.store.fetch(view.mailbox_id, list(uids), header=header, body=body):
            found = _candidate(view, message)
            await self._work.begin(key, found)
            if key.needles:
                try:
                    found.found = await self._find(key, message)
                except Vanished:
                    continue
            yield found

    async def _find(self, key: Key, message: Message) -> set[Needle]:
        """Return which texts a message holds."""
        self._work.permit(message.size // OCTETS_READ + len(key.needles) * (message.size // OCTETS_SOUGHT))
        in_header, in_body = Seeker(n.text for n in key.needles if n.is_in_header), Seeker(n.text for n in key.needles)
        in_header.look(decode_header(message.header or b""))
        if in_body.missing:
            await self._look_inside(Octets(self._talk, message, self._breath), in_body)
        return {
            needle
            for needle in key.needles
            if needle.text not in in_body.missing or (needle.is_in_header and needle.text not in in_header.missing)
        }

    async def _look_inside(self, octets: Octets, seeker: Seeker) -> None:
        """Look into the texts of a message, and into the headers of messages inside."""
        message = await structure(self._talk, octets)
        for inner in message.messages():
            seeker.turn()
            seeker.look(decode_header(inner.header))
        for part in message.leaves():
            if part.type.media not in (b"text", b"message") or not seeker.missing:
                continue
            seeker.turn()
            reader = PartReader(part)
            async for data in octets.slices(part.body, part.end):
                seeker.look(reader.feed(data))
            seeker.look(reader.finish())


def _candidate(view: View, found: Message) -> Candidate:
    number, words = view.number(found.uid) or 0, view.words(found.flags)
    numbers = (number, found.uid, found.flags, found.size, found.arrived)
    return Candidate(*numbers, found.header or b"", words, found.saved, found.body_id, modseq=found.modseq)
