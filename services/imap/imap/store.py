"""What IMAP needs of a store, written from the protocol's side.

Strategy: sessions and commands await these protocols and nothing else. Postgres stands behind them in a
running service (`shared.storage.mailboxes`), a few dictionaries in the tests (`tests/fakes.py`); both pass
the same contract.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from shared.mail.mailbox import (
    Arranged,
    Changes,
    Flag,
    Folder,
    Letter,
    Marked,
    Message,
    NotPut,
    Older,
    Put,
    Quota,
    Snapshot,
    Status,
    Uids,
)
from shared.mail.trouble import NoSpace, Unavailable

__all__ = [
    "Account",
    "Arranged",
    "Arriving",
    "Changes",
    "Doorkeeper",
    "Enclosed",
    "Flag",
    "Folder",
    "Folders",
    "Letter",
    "Letterbox",
    "Marked",
    "Message",
    "NoSpace",
    "NotPut",
    "Older",
    "Output",
    "Put",
    "Quota",
    "Refused",
    "Snapshot",
    "Status",
    "Store",
    "Tokens",
    "TooMuch",
    "TooOften",
    "Uids",
    "Unavailable",
    "Unfit",
]


@dataclass(frozen=True, slots=True)
class Account:
    """Who has logged in; `inbox_id` is the mailbox that will be opened first, most likely (0: not known)."""

    account_id: int
    address: str
    inbox_id: int = 0


class Refused(Exception):
    """Login refused: the credentials are wrong, or the account may not be made; told alike to the client."""


class TooOften(Exception):
    """Login refused for now: too many attempts from this source or for this name."""


class Doorkeeper(Protocol):
    """Lets people in."""

    async def login(self, name: str, password: str) -> Account:
        """Return the account, born now if it may be; raise Refused, TooOften or Unavailable."""


class Folders(Protocol):
    """An account's mailboxes as wholes. Every method may raise Unavailable; what it did is durable when it returns."""

    async def folders(self, account_id: int) -> Sequence[Folder]:
        """Return the account's mailboxes and the names it subscribes to, INBOX first and the others in order."""

    async def create(self, account_id: int, name: str, special_use: str = "") -> tuple[Arranged, int]:
        """Make a mailbox and the names above it; return its id as well, 0 if it was not made."""

    async def delete(self, account_id: int, name: str) -> tuple[Arranged, int]:
        """Remove a mailbox and its messages, not those below it; return what its id was."""

    async def rename(self, account_id: int, old: str, new: str, longest: int, deepest: int) -> Arranged:
        """Rename a mailbox with those below it; `longest` is a limit in octets of UTF-8, `deepest` in levels."""

    async def subscribe(self, account_id: int, name: str) -> Arranged:
        """Add a mailbox to the subscribed names."""

    async def unsubscribe(self, account_id: int, name: str) -> Arranged:
        """Take a name from the subscribed ones, whether or not there is such a mailbox."""

    async def add_keywords(self, mailbox_id: int, names: Sequence[str]) -> Sequence[str] | None:
        """Let a mailbox know keywords, while there is room; return all it knows, None if it is gone."""

    async def copy(self, mailbox_id: int, uids: Sequence[int], name: str) -> Put | NotPut:
        """Copy those of `uids` that exist to the account's mailbox `name`: all or none."""

    async def move(self, mailbox_id: int, uids: Sequence[int], name: str) -> Put | NotPut:
        """Move those of `uids` that exist to the account's mailbox `name`: all or none."""


class Store(Folders, Protocol):
    """What is in an account's mailboxes. Every method may raise Unavailable."""

    async def names(self, account_id: int) -> Sequence[str]:
        """Return the account's mailbox names, decoded, INBOX first."""

    async def status(self, account_id: int, name: str) -> Status | None:
        """Return the mailbox in numbers, or None if there is no such mailbox."""

    async def snapshot(self, account_id: int, name: str, newest: int | None = None) -> Snapshot | None:
        """Return the mailbox as it is now, or None if there is no such mailbox; of its messages only the `newest`."""

    async def older(self, mailbox_id: int, before: int, since: int) -> Older | None:
        """Return the messages with UIDs under `before`, and what became of such since modseq `since`; None if gone."""

    async def changes(self, mailbox_id: int, since: int, uidnext: int) -> Changes | None:
        """Return what happened after modseq `since`, arrivals from UID `uidnext`; None if the mailbox is gone."""

    async def fetch(self, mailbox_id: int, uids: Sequence[int], *, header: bool, body: bool) -> Sequence[Message]:
        """Return those of `uids` that exist, ascending; `body` only up to the inline limit."""

    async def read(self, mailbox_id: int, uid: int, offset: int, length: int) -> bytes:
        """Return a slice of a message, shorter or empty at and past its end or when it is gone."""

    async def changed_since(self, mailbox_id: int, since: int) -> Sequence[int]:
        """Return the UIDs of the messages whose modseq is above `since`, ascending."""

    async def add_flags(self, mailbox_id: int, uids: Sequence[int], flags: int, until: int | None = None) -> Marked:
        """Set the bits of `flags`; return those of `uids` that exist and have not changed after modseq `until`."""

    async def remove_flags(self, mailbox_id: int, uids: Sequence[int], flags: int, until: int | None = None) -> Marked:
        """Clear the bits of `flags`; return as `add_flags` does."""

    async def replace_flags(self, mailbox_id: int, uids: Sequence[int], flags: int, until: int | None = None) -> Marked:
        """Make the flags exactly `flags`; return as `add_flags` does."""

    async def deleted(self, mailbox_id: int, before: int) -> Uids | None:
        """Return the messages with UIDs under `before` that carry DELETED, or None if the mailbox is gone."""

    async def expunge(self, mailbox_id: int, uids: Sequence[int]) -> Uids:
        """Remove those of `uids` that carry DELETED; return them."""

    async def quota(self, account_id: int) -> Quota:
        """Return what the account uses and may use."""


class Tokens(Protocol):
    """What wakes an account's devices when mail comes. Every method may raise Unavailable."""

    async def set_token(self, account_id: int, token: bytes) -> None:
        """Keep a device's token, or keep it for longer; of too many the oldest go."""

    async def forget_tokens(self, account_id: int) -> None:
        """Forget every token of the account."""

    async def tokens(self, account_id: int) -> Sequence[bytes]:
        """Return the account's tokens, in the order in which they first came."""


class Unfit(Exception):
    """A message may not be appended; the text says why, and may be shown."""


class TooMuch(Exception):
    """More is being appended at the moment than there is room for."""


class Arriving(Protocol):
    """The octets of a message on its way in, kept somewhere."""

    def write(self, octets: bytes, /) -> None:
        """Keep more octets, if there is room; else `Letterbox.put` says so."""

    def close(self) -> None:
        """Forget them; may be called again."""


@dataclass(frozen=True, slots=True)
class Enclosed:
    """A message that has arrived, and what a client says of it; `dated` in seconds since 1970 UTC."""

    octets: Arriving
    flags: int
    keywords: Sequence[str]
    dated: int | None


class Letterbox(Protocol):
    """Takes the messages that clients append."""

    def receive(self, account_id: int) -> Arriving:
        """Return where the octets of one message go; raise NoSpace."""

    async def put(self, account_id: int, name: str, messages: Sequence[Enclosed]) -> Put | NotPut:
        """Put all of them into a mailbox, or none; durable on return. Raise Unfit, TooMuch or Unavailable."""


class Output(Protocol):
    """Where a session's answers go."""

    def write(self, data: bytes) -> None:
        """Queue octets for the client; never waits."""

    async def drain(self) -> None:
        """Return when the client has taken enough for more to be queued."""
