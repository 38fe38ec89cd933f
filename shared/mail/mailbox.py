"""Mailboxes and messages as values: what a store tells and IMAP shows.

They live below both, so that storage and the imap service speak of the same things without importing each other.
Flags travel as a bit mask, times as seconds since 1970 UTC, sizes as octets.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, IntFlag

MAX_KEYWORDS = 58  # of a mailbox: with the system flags they fill 63 bits
FIRST_KEYWORD = 5  # the bit that the first of a mailbox's keywords names in its messages' flags


class Flag(IntFlag):
    """System flags of RFC 3501 §2.3.2 as the bits that are stored; those above are keywords, named by the mailbox."""

    SEEN = 1
    ANSWERED = 2
    FLAGGED = 4
    DELETED = 8
    DRAFT = 16


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A mailbox at one instant: `uids` ascending, `flags` beside them, one mask a message.

    `keywords` are the names of the bits from FIRST_KEYWORD on. `older` is how many messages there are besides, with
    UIDs under all of these. `life` is another one where the store was away meanwhile: it may have lost what was
    written late.
    """

    mailbox_id: int
    uidvalidity: int
    uidnext: int
    modseq: int
    uids: Sequence[int]
    flags: Sequence[int]
    keywords: Sequence[str] = ()
    older: int = 0
    life: int = 0


@dataclass(frozen=True, slots=True)
class Older:
    """The messages with UIDs under a given one, as they are now: `uids` ascending, `flags` beside them.

    `marked` are those whose flags have changed since a given modseq, `expunged` those that have gone since. `life`: see
    Snapshot.
    """

    uids: Sequence[int]
    flags: Sequence[int]
    marked: Sequence[int] = ()
    expunged: Sequence[int] = ()
    life: int = 0


@dataclass(frozen=True, slots=True)
class Uids:
    """Some messages, by their UIDs, ascending, and the modseq of their mailbox; 0 where nothing was done."""

    modseq: int
    uids: Sequence[int]


@dataclass(frozen=True, slots=True)
class Marked:
    """Messages with the flags they have got, as (uid, flags), ascending, and the modseq of that; 0 if there are none.

    `modseqs` are those of the messages: of one that had these flags already it has not changed (RFC 7162 §3.1.11).
    """

    modseq: int
    messages: Sequence[tuple[int, int]]
    modseqs: Sequence[int] = ()


@dataclass(frozen=True, slots=True)
class Status:
    """A mailbox in numbers, for STATUS (RFC 3501 §6.3.10); `size` is RFC 8438's.

    `deleted` and `deleted_size` are what carries DELETED (RFC 9051 §6.3.11, RFC 9208 §4.1.4). `modseq` is RFC 7162's
    HIGHESTMODSEQ.
    """

    mailbox_id: int
    uidvalidity: int
    uidnext: int
    messages: int
    unseen: int
    size: int
    deleted: int = 0
    deleted_size: int = 0
    modseq: int = 0


@dataclass(frozen=True, slots=True)
class Changes:
    """What happened in a mailbox since a modseq: arrivals and flag changes as (uid, flags), ascending.

    `waited` are the seconds since each arrival, by the store's own clock; a store may leave them out. `keywords` are
    all that the mailbox knows now. `modseqs` are those of `flagged`.
    """

    modseq: int
    uidnext: int
    arrived: Sequence[tuple[int, int]]
    flagged: Sequence[tuple[int, int]]
    expunged: Sequence[int]
    waited: Sequence[float] = ()
    keywords: Sequence[str] = ()
    modseqs: Sequence[int] = ()


@dataclass(frozen=True, slots=True)
class Message:
    """One message as fetched; `header` and `body` are None unless asked for.

    `header` is the header block with its final empty line. `body` is the whole message, and stays None
    for messages over the store's inline limit: those are read in slices with `Store.read`. `arrived` is what
    INTERNALDATE says, `saved` when it came into this mailbox; messages with one `body_id` have the same octets.
    """

    uid: int
    flags: int
    modseq: int
    size: int
    arrived: int
    header: bytes | None = None
    body: bytes | None = None
    saved: int = 0
    body_id: int = 0


@dataclass(frozen=True, slots=True)
class Quota:
    """Storage in octets, and messages, of which there may be any number (RFC 9208)."""

    used: int
    limit: int
    messages: int = 0


# An account's mailboxes


@dataclass(frozen=True, slots=True)
class Folder:
    """A name in an account: a mailbox, or what was one when it was subscribed to (no `mailbox_id`)."""

    name: str
    mailbox_id: int | None
    special_use: str = ""  # RFC 6154, as `\Sent`
    is_subscribed: bool = False


class Arranged(Enum):
    """What became of a wish to make, remove, rename or subscribe to a mailbox."""

    DONE = "done"
    THERE = "there"  # one of that name
    MISSING = "missing"
    HAS_CHILDREN = "has children"  # and is no mailbox itself
    USE_TAKEN = "use taken"  # another mailbox is for that
    TOO_MANY = "too many"
    TOO_LONG = "too long"  # or too deep, once renamed
    GONE = "gone"  # the account


@dataclass(frozen=True, slots=True)
class Put:
    """Messages came into a mailbox, with UIDs from `first_uid` on, one after the other, in the order given.

    `copied` are their UIDs where they were copied or moved from, ascending; `source_modseq` is 0 unless they left it.
    """

    mailbox_id: int
    uidvalidity: int
    modseq: int
    first_uid: int
    copied: Sequence[int] = ()
    source_modseq: int = 0


class NotPut(Enum):
    """Why nothing was put into a mailbox."""

    MISSING = "missing"  # there is no such mailbox
    FULL = "full"
    GONE = "gone"  # the mailbox it was to come from


@dataclass(frozen=True, slots=True)
class Letter:
    """A message that a client brings; `dated` is its INTERNALDATE in seconds since 1970 UTC, None: now."""

    body: bytes
    header_size: int
    flags: int = 0
    keywords: Sequence[str] = ()
    dated: int | None = None
