"""A mailbox as one client sees it.

Strategy: a client's message numbers move only when it is told so (RFC 3501 §7.4.1). So the view is what the client
has been told and nothing else: it changes in `apply` and `expunge`, and what they return must be written to that
client at once. A command during which nothing may be told (FETCH, STORE and SEARCH by number, §5.5) simply does not
call `apply`; the news waits in the store. UIDs are kept in four octets each and flags in one; keywords, which few
messages have, apart.

A mailbox is opened by its newest messages. Of the older ones only their number is known, which is enough to number the
others, until something names one of them: then all of them are loaded, once, as this client was told of them. Who asks
for a message that is not loaded makes a mistake, and hears it: a wrong number would be worse.
"""

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass

from imap.store import Changes, Flag, Older, Snapshot
from imap.wire.answer import bad
from imap.wire.sequence_set import SequenceSet
from shared.mail.mailbox import FIRST_KEYWORD

_SYSTEM = 31
_UNTOLD = 128  # with a message's flags: they have changed, and the client must still hear of it


class NotLoaded(Exception):
    """A message was asked for that is not loaded."""


class Astray(Exception):
    """The messages that were loaded are not as many as the client was told of: no number can be trusted."""


class Outlived(Astray):
    """The store was away since the mailbox was opened: whether it has lost a change, nobody knows."""


@dataclass(frozen=True, slots=True)
class News:
    """What to tell: numbers expunged, one after the other as told; the new count, if mail came; (number, flags).

    `has_keywords`: the mailbox knows keywords that the client was not told of. `vanished` are the UIDs of what is
    expunged, ascending, `changed` the (UID, modseq) of what is flagged.
    """

    expunged: Sequence[int]
    exists: int | None
    flagged: Sequence[tuple[int, int]]
    has_keywords: bool = False
    vanished: Sequence[int] = ()
    changed: Sequence[tuple[int, int]] = ()


class View:
    """Numbers, UIDs and flags as told so far; `modseq` is how far the store has been followed.

    `older` messages are not loaded; their UIDs are all under `first`.
    """

    __slots__ = ("_flags", "_marked", "_uids", "first", "keywords", "life", "mailbox_id", "modseq", "older", "uidnext")

    def __init__(self, snapshot: Snapshot) -> None:
        self.mailbox_id = snapshot.mailbox_id
        self.modseq = snapshot.modseq
        self.uidnext = snapshot.uidnext
        self.older = snapshot.older
        self.life = snapshot.life
        self.first = snapshot.uids[0] if snapshot.uids else snapshot.uidnext
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
        return self.older + len(self._uids)

    @property
    def last_uid(self) -> int:
        """The largest UID, 0 in an empty mailbox."""
        if self.is_last_older:
            raise NotLoaded
        return self._uids[-1] if self._uids else 0

    @property
    def is_last_older(self) -> bool:
        """Whether even the last message is not loaded, since all that were are gone."""
        return self.older > 0 and not self._uids

    @property
    def first_unseen(self) -> int | None:
        r"""The number of the first message without \Seen, if all are loaded (RFC 3501 §6.3.1 does not insist)."""
        if self.older:
            return None
        return next((at + 1 for at, mask in enumerate(self._flags) if not mask & Flag.SEEN), None)

    def uids(self) -> Sequence[int]:
        """Return all UIDs, ascending."""
        if self.older:
            raise NotLoaded
        return self._uids

    def uids_from(self, low: int) -> Sequence[int]:
        """Return the UIDs from `low` on, ascending."""
        if self.older and low < self.first:
            raise NotLoaded
        return self._uids[bisect_left(self._uids, low) :]

    def lacks(self, uids: Iterable[int]) -> bool:
        """Return whether some of these messages may be among those that are not loaded."""
        return self.older > 0 and any(uid < self.first for uid in uids)

    def reaches_older(self, numbers: SequenceSet, *, is_uid: bool) -> bool:
        """Return whether a set of UIDs or of message numbers reaches below what is loaded."""
        if not self.older or self.is_last_older:
            return self.older > 0
        if is_uid:
            return numbers.ranges(self.last_uid)[0][0] < self.first
        ranges = numbers.ranges(len(self))
        return ranges[0][0] <= self.older and ranges[-1][1] <= len(self)

    def number(self, uid: int) -> int | None:
        """Return the message number of a UID, or None if this client does not know it."""
        at = self._place(uid)
        return None if at is None else self.older + at + 1

    def flags(self, uid: int) -> int:
        """Return the flags of a UID that is in the view, as last told, or as loaded."""
        at = self._place(uid)
        assert at is not None
        return self._mask(at)

    def words(self, mask: int) -> Set[bytes]:
        """Return the keywords in a set of flags, in lower case."""
        if mask <= _SYSTEM:
            return frozenset()
        named = enumerate(self.keywords, FIRST_KEYWORD)
        return frozenset(word.lower().encode("ascii") for bit, word in named if mask >> bit & 1)

    def by_uid(self, uids: SequenceSet) -> list[int]:
        """Return the UIDs in a set; those that do not exist are ignored (§6.4.8)."""
        if self.reaches_older(uids, is_uid=True):
            raise NotLoaded
        found: list[int] = []
        for low, high in uids.ranges(self.last_uid):
            found += self._uids[bisect_left(self._uids, low) : bisect_right(self._uids, high)]
        return found

    def by_number(self, numbers: SequenceSet) -> list[int]:
        """Return the UIDs of a set of message numbers; a number beyond the last is the client's mistake (§9)."""
        ranges = numbers.ranges(len(self))
        if ranges[0][0] < 1 or ranges[-1][1] > len(self):
            raise bad("No such message number")
        if ranges[0][0] <= self.older:
            raise NotLoaded
        before = self.older
        return [uid for low, high in ranges for uid in self._uids[low - before - 1 : high - before]]

    def set_flags(self, uid: int, mask: int, expected: int | None = None) -> int | None:
        """Remember flags that are being told; return the message's number, None if it is unknown here.

        `expected`: they are not told, since the client takes them to be these; if they are others, the next look tells.
        Keywords whose names this client has not heard cannot be told, and wait for the next look.
        """
        at = self._place(uid)
        if at is None:
            return None
        is_owed = expected is not None and (expected != mask or self._flags[at] & _UNTOLD)
        self._set_mask(at, mask)
        self._flags[at] |= _UNTOLD if is_owed else 0
        return self.older + at + 1

    def follow(self, modseq: int) -> bool:
        """Know a change of this client's own, which it was told; return whether it is all that happened until then."""
        is_next = modseq == self.modseq + 1
        if is_next:
            self.modseq = modseq
        return is_next

    def add_older(self, older: Older) -> None:
        """Take in the messages that were not loaded; raise Astray if they may not be those that the client was told of.

        `older` is what there is under `first`, and what was expunged there since `modseq`, which is counted still.
        """
        if older.life != self.life:
            raise Outlived
        uids, masks = older.uids, older.flags
        if older.expunged:
            there = dict(zip(uids, masks, strict=True))
            uids = sorted(there.keys() | set(older.expunged))
            masks = [there.get(uid, 0) for uid in uids]
        if len(uids) != self.older:
            raise Astray
        self.older = 0
        loaded = bytearray(mask & _SYSTEM for mask in masks)
        for uid in older.marked:
            loaded[bisect_left(uids, uid)] |= _UNTOLD
        self._uids = array("I", uids) + self._uids
        self._flags = loaded + self._flags
        for uid, mask in zip(uids, masks, strict=True):
            if mask > _SYSTEM:
                self._set_keywords(uid, mask)

    def learn(self, keywords: Sequence[str]) -> bool:
        """Take the mailbox's keywords as known, since they are being told; return whether some are new."""
        is_more = len(keywords) > len(self.keywords)
        if is_more:
            self.keywords = tuple(keywords)
        return is_more

    def _place(self, uid: int) -> int | None:
        if self.older and uid < self.first:
            raise NotLoaded
        at = bisect_left(self._uids, uid)
        return at if at < len(self._uids) and self._uids[at] == uid else None

    def _mask(self, at: int) -> int:
        mask = self._flags[at] & _SYSTEM
        return mask | self._marked.get(self._uids[at], 0) if self._marked else mask

    def _set_mask(self, at: int, mask: int) -> None:
        self._flags[at] = mask & _SYSTEM
        self._set_keywords(self._uids[at], mask)

    def _set_keywords(self, uid: int, mask: int) -> None:
        known = mask & (1 << FIRST_KEYWORD + len(self.keywords)) - 1 & ~_SYSTEM
        if known:
            self._marked[uid] = known
        elif self._marked:
            self._marked.pop(uid, None)

    def expunge(self, uids: Iterable[int]) -> list[int]:
        """Forget messages; return their numbers in an order in which each is right when its turn comes."""
        places = sorted({at for uid in uids if (at := self._place(uid)) is not None})
        if places:
            self._cut_out(places)
        return [self.older + at + 1 for at in reversed(places)]

    def _cut_out(self, places: Sequence[int]) -> None:
        """Forget ascending places in one pass: a deletion moves all that follows, and there may be 100 000."""
        if self._marked:
            for at in places:
                self._marked.pop(self._uids[at], None)
        kept_uids, kept_flags, start = array("I"), bytearray(), 0
        for at in places:
            kept_uids += self._uids[start:at]
            kept_flags += self._flags[start:at]
            start = at + 1
        self._uids = kept_uids + self._uids[start:]
        self._flags = kept_flags + self._flags[start:]

    def apply(self, changes: Changes, *, is_all_told: bool = False) -> News:
        """Follow the store, and return what to tell; what the changes name must be loaded.

        `is_all_told`: flags are told also where the client knows them, since it does not know their modseq.
        """
        has_keywords = self.learn(changes.keywords)
        vanished = [uid for uid in changes.expunged if self._place(uid) is not None]
        expunged = self.expunge(vanished)
        flagged: list[tuple[int, int]] = []
        changed: list[tuple[int, int]] = []
        modseqs = changes.modseqs or [0] * len(changes.flagged)
        for (uid, mask), modseq in zip(changes.flagged, modseqs, strict=True):
            at = self._place(uid)
            if at is not None and (is_all_told or self._flags[at] & _UNTOLD or self._mask(at) != mask):
                self._set_mask(at, mask)
                flagged.append((self.older + at + 1, mask))
                changed.append((uid, modseq))
        arrived = [(uid, mask) for uid, mask in changes.arrived if uid >= self.uidnext]
        self._uids.extend(uid for uid, _ in arrived)
        self._flags.extend(mask & _SYSTEM for _, mask in arrived)
        if self.keywords:
            self._marked |= {uid: mask & ~_SYSTEM for uid, mask in arrived if mask > _SYSTEM}
        self.modseq = changes.modseq
        self.uidnext = max(self.uidnext, changes.uidnext)
        return News(expunged, len(self) if arrived else None, flagged, has_keywords, tuple(vanished), tuple(changed))
