"""Messages that are no more, told by UID (RFC 7162 §3.2.10).

Strategy: what a client may hold is what there ever was; what of that is not there any more has vanished. So no log of
expunges has to be kept. The price is that those are named again that a client let go of long ago (§5.1): in ranges,
never more of them than there are messages, and only above what a client can show that it knows (§3.2.5.2).
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence

from imap.state import Conversation
from imap.wire.sequence_set import Range, spell, spell_ranges

A_LINE = 1000  # UIDs or ranges in one response


def lines(uids: Sequence[int]) -> Iterator[bytes]:
    """Yield what tells that messages of this session have vanished, in place of EXPUNGE; `uids` ascend."""
    for start in range(0, len(uids), A_LINE):
        yield b"* VANISHED %b\r\n" % spell(uids[start : start + A_LINE])


async def tell_earlier(talk: Conversation, ranges: Iterable[Range], uids: Sequence[int]) -> None:
    """Tell which UIDs in ascending ranges are not among `uids`, which ascend, too, and are all there are."""
    waiting: list[Range] = []
    for hole in holes(ranges, uids):
        waiting.append(hole)
        if len(waiting) == A_LINE:
            _tell(talk, waiting)
            waiting.clear()
            await talk.output.drain()
    if waiting:
        _tell(talk, waiting)


def holes(ranges: Iterable[Range], uids: Sequence[int]) -> Iterator[Range]:
    """Yield the parts of ascending ranges that hold none of `uids`, which ascend."""
    for low, high in ranges:
        start = low
        for at in range(bisect_left(uids, low), len(uids)):
            if uids[at] > high:
                break
            if uids[at] > start:
                yield start, uids[at] - 1
            start = uids[at] + 1
        if start <= high:
            yield start, high


def _tell(talk: Conversation, ranges: Sequence[Range]) -> None:
    talk.output.write(b"* VANISHED (EARLIER) %b\r\n" % spell_ranges(ranges))
