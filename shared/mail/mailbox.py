"""Mailboxes and messages as values: what a store tells and IMAP shows.

They live below both, so that storage and the imap service speak of the same things without importing each other.
Flags travel as a bit mask, times as seconds since 1970 UTC, sizes as octets.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntFlag


class Flag(IntFlag):
    """System flags of RFC 3501 §2.3.2 as the bits that are stored."""

    SEEN = 1
    ANSWERED = 2
    FLAGGED = 4
    DELETED = 8
    DRAFT = 16


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A mailbox at one instant: `uids` ascending, `flags` beside them, one mask a message."""

    mailbox_id: int
    uidvalidity: int
    uidnext: int
    modseq: int
    uids: Sequence[int]
    flags: Sequence[int]


@dataclass(frozen=True, slots=True)
class Status:
    """A mailbox in numbers, for STATUS (RFC 3501 §6.3.10); `size` is RFC 8438's."""

    mailbox_id: int
    uidvalidity: int
    uidnext: int
    messages: int
    unseen: int
    size: int


@dataclass(frozen=True, slots=True)
class Changes:
    """What happened in a mailbox since a modseq: arrivals and flag changes as (uid, flags), ascending.

    `waited` are the seconds since each arrival, by the store's own clock; a store may leave them out.
    """

    modseq: int
    uidnext: int
    arrived: Sequence[tuple[int, int]]
    flagged: Sequence[tuple[int, int]]
    expunged: Sequence[int]
    waited: Sequence[float] = ()


@dataclass(frozen=True, slots=True)
class Message:
    """One message as fetched; `header` and `body` are None unless asked for.

    `header` is the header block with its final empty line. `body` is the whole message, and stays None
    for messages over the store's inline limit: those are read in slices with `Store.read`.
    """

    uid: int
    flags: int
    modseq: int
    size: int
    arrived: int
    header: bytes | None = None
    body: bytes | None = None


@dataclass(frozen=True, slots=True)
class Quota:
    """Storage in octets (RFC 9208)."""

    used: int
    limit: int
