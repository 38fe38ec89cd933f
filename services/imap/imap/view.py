"""A mailbox as one client sees it.

Strategy: a client's message numbers move only when it is told so (RFC 3501 §7.4.1). So the view is what the client
has been told and nothing else: it changes in `apply` and `expunge`, and what they return must be written to that
client at once. A command during which nothing may be told (FETCH, STORE and SEARCH by number, §5.5) simply does not
call `apply`; the news waits in the store. UIDs are kept in four octets each and flags in one; keywords, which few
messages have, apart.
"""

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass

from imap.store import Changes, Flag, Snapshot
from imap.wire.answer import bad
from imap.wire.sequence_set import SequenceSet
from shared.mail.mailbox import FIRST_KEYWORD

_SYSTEM = 31


@dataclass(frozen=True, slots=True)
class News:
    """What to tell: numbers expunged, one after the other as told; the new count, if mail came; (number, flags).

    `has_keywords`: the mailbox knows keywords that the client was not told of.
    """

    expunged: Sequence[int]
    exists: int | None
    flagged: Sequence[tuple[int, int]]
    has_keywords: bool = False


class View:
    """Numbers, UIDs and flags as told so far; `modseq` is how far the store has been followed."""

    __slots__ = ("_flags", "_marked", "_uids", "keywords", "mailbox_id", "modseq", "uidnext")

    def __init__(self, snapshot: Snapshot) -> None:
        self.mailbox_id = snapshot.mailbox_id
        self.modseq = snapshot.modseq
        self.uidnext = snapshot.uidnext
        self._uids = array("I", snapshot.uids)
        self.keywords = tuple(snapshot.keywords)
        self._marked: dict[int, int] = {}  # the keywords, by UID, of the messages that have some
        if self.keywords:
            self._flags = bytearray(mask & _SYSTEM for mask in snapshot.flags)
            self._marked = {
                uid: mask & ~_SYSTEM for uid, mask in zip(snapshot.uids, snapshot.flags, strict=True) if mask > _SYSTEM
            }
        else:
            self._flags = bytearray(snapshot.flags)

    def __len__(self) -> int:
        return len(self._uids)

    @property
    def last_uid(self) -> int:
        """The largest UID, 0 in an empty mailbox."""
        return self._uids[-1] if self._uids else 0

    @property
    def first_unseen(self) -> int | None:
        r"""The number of the first message without \Seen."""
        return next((at + 1 for at, mask in enumerate(self._flags) if not mask & Flag.SEEN), None)

    def uids(self) -> Sequence[int]:
        """Return all UIDs, ascending."""
        return self._uids

    def deleted(self) -> list[int]:
        r"""Return the UIDs that carry \Deleted."""
        return [uid for uid, mask in zip(self._uids, self._flags, strict=True) if mask & Flag.DELETED]

    def number(self, uid: int) -> int | None:
        """Return the message number of a UID, or None if this client does not know it."""
        at = bisect_left(self._uids, uid)
        return at + 1 if at < len(self._uids) and self._uids[at] == uid else None

    def flags(self, uid: int) -> int:
        """Return the flags last told for a UID that is in the view."""
        return self._mask(bisect_left(self._uids, uid))

    def words(self, mask: int) -> Set[bytes]:
        """Return the keywords in a set of flags, in lower case."""
        if mask <= _SYSTEM:
            return frozenset()
        named = enumerate(self.keywords, FIRST_KEYWORD)
        return frozenset(word.lower().encode("ascii") for bit, word in named if mask >> bit & 1)

    def by_uid(self, uids: SequenceSet) -> list[int]:
        """Return the UIDs in a set; those that do not exist are ignored (§6.4.8)."""
        found: list[int] = []
        for low, high in uids.ranges(self.last_uid):
            found += self._uids[bisect_left(self._uids, low) : bisect_right(self._uids, high)]
        return found

    def by_number(self, numbers: SequenceSet) -> list[int]:
        """Return the UIDs of a set of message numbers; a number beyond the last is the client's mistake (§9)."""
        ranges = numbers.ranges(len(self._uids))
        if ranges[0][0] < 1 or ranges[-1][1] > len(self._uids):
            raise bad("No such message number")
        return [uid for low, high in ranges for uid in self._uids[low - 1 : high]]

    def set_flags(self, uid: int, mask: int) -> int | None:
        """Remember flags that are being told; return the message's number, None if it is unknown here.

        Keywords whose names this client has not heard cannot be told, and wait for the next look.
        """
        number = self.number(uid)
        if number is not None:
            self._set_mask(number - 1, mask)
        return number

    def learn(self, keywords: Sequence[str]) -> bool:
        """Take the mailbox's keywords as known, since they are being told; return whether some are new."""
        is_more = len(keywords) > len(self.keywords)
        if is_more:
            self.keywords = tuple(keywords)
        return is_more

    def _mask(self, at: int) -> int:
        return self._flags[at] | self._marked.get(self._uids[at], 0) if self._marked else self._flags[at]

    def _set_mask(self, at: int, mask: int) -> None:
        self._flags[at] = mask & _SYSTEM
        known = mask & (1 << FIRST_KEYWORD + len(self.keywords)) - 1 & ~_SYSTEM
        if known:
            self._marked[self._uids[at]] = known
        elif self._marked:
            self._marked.pop(self._uids[at], None)

    def expunge(self, uids: Iterable[int]) -> list[int]:
        """Forget messages; return their numbers in an order in which each is right when its turn comes."""
        places = sorted({number for uid in uids if (number := self.number(uid))})
        if places:
            self._cut_out(places)
        return places[::-1]

    def _cut_out(self, places: Sequence[int]) -> None:
        """Forget ascending places in one pass: a deletion moves all that follows, and there may be 100 000."""
        if self._marked:
            for number in places:
                self._marked.pop(self._uids[number - 1], None)
        kept_uids, kept_flags, start = array("I"), bytearray(), 0
        for number in places:
            kept_uids += self._uids[start : number - 1]
            kept_flags += self._flags[start : number - 1]
            start = number
        self._uids = kept_uids + self._uids[start:]
        self._flags = kept_flags + self._flags[start:]

    def apply(self, changes: Changes) -> News:
        """Follow the store, and return what to tell."""
        has_keywords = self.learn(changes.keywords)
        expunged = self.expunge(changes.expunged)
        flagged: list[tuple[int, int]] = []
        for uid, mask in changes.flagged:
            number = self.number(uid)
            if number is not None and self._mask(number - 1) != mask:
                self._set_mask(number - 1, mask)
                flagged.append((number, mask))
        arrived = [(uid, mask) for uid, mask in changes.arrived if uid > self.last_uid]
        self._uids.extend(uid for uid, _ in arrived)
        self._flags.extend(mask & _SYSTEM for _, mask in arrived)
        if self.keywords:
            self._marked |= {uid: mask & ~_SYSTEM for uid, mask in arrived if mask > _SYSTEM}
        self.modseq = changes.modseq
        self.uidnext = max(self.uidnext, changes.uidnext)
        return News(expunged, len(self._uids) if arrived else None, flagged, has_keywords)
