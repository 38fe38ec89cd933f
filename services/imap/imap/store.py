"""What IMAP needs of a store, written from the protocol's side.

Strategy: sessions and commands await these protocols and nothing else. Postgres stands behind them in a
running service (`shared.storage.mailboxes`), a few dictionaries in the tests (`tests/fakes.py`); both pass
the same contract.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from shared.mail.mailbox import Changes, Flag, Message, Quota, Snapshot, Status
from shared.mail.trouble import Unavailable

__all__ = [
    "Account",
    "Changes",
    "Doorkeeper",
    "Flag",
    "Message",
    "Output",
    "Quota",
    "Refused",
    "Snapshot",
    "Status",
    "Store",
    "Tokens",
    "TooOften",
    "Unavailable",
]


@dataclass(frozen=True, slots=True)
class Account:
    """Who has logged in."""

    account_id: int
    address: str


class Refused(Exception):
    """Login refused: the credentials are wrong, or the account may not be made; told alike to the client."""


class TooOften(Exception):
    """Login refused for now: too many attempts from this source or for this name."""


class Doorkeeper(Protocol):
    """Lets people in."""

    async def login(self, name: str, password: str) -> Account:
        """Return the account, born now if it may be; raise Refused, TooOften or Unavailable."""


class Store(Protocol):
    """An account's mailboxes. Every method may raise Unavailable."""

    async def names(self, account_id: int) -> Sequence[str]:
        """Return the account's mailbox names, decoded, INBOX first."""

    async def status(self, account_id: int, name: str) -> Status | None:
        """Return the mailbox in numbers, or None if there is no such mailbox."""

    async def snapshot(self, account_id: int, name: str) -> Snapshot | None:
        """Return the mailbox as it is now, or None if there is no such mailbox."""

    async def changes(self, mailbox_id: int, since: int, uidnext: int) -> Changes | None:
        """Return what happened after modseq `since`, arrivals from UID `uidnext`; None if the mailbox is gone."""

    async def fetch(self, mailbox_id: int, uids: Sequence[int], *, header: bool, body: bool) -> Sequence[Message]:
        """Return those of `uids` that exist, ascending; `body` only up to the inline limit."""

    async def read(self, mailbox_id: int, uid: int, offset: int, length: int) -> bytes:
        """Return a slice of a message, shorter or empty at and past its end or when it is gone."""

    async def add_flags(self, mailbox_id: int, uids: Sequence[int], flags: int) -> Sequence[tuple[int, int]]:
        """Set the bits of `flags`; return (uid, flags) of those of `uids` that exist, ascending."""

    async def remove_flags(self, mailbox_id: int, uids: Sequence[int], flags: int) -> Sequence[tuple[int, int]]:
        """Clear the bits of `flags`; return as `add_flags` does."""

    async def replace_flags(self, mailbox_id: int, uids: Sequence[int], flags: int) -> Sequence[tuple[int, int]]:
        """Make the flags exactly `flags`; return as `add_flags` does."""

    async def expunge(self, mailbox_id: int, uids: Sequence[int]) -> Sequence[int]:
        """Remove those of `uids` that carry DELETED; return their UIDs, ascending."""

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


class Output(Protocol):
    """Where a session's answers go."""

    def write(self, data: bytes) -> None:
        """Queue octets for the client; never waits."""

    async def drain(self) -> None:
        """Return when the client has taken enough for more to be queued."""
