"""What the queue-worker does to the store: expire, trim, free. Synchronous, on a connection of its own."""

from dataclasses import dataclass
from typing import Any

import psycopg

from shared.storage.errors import Unavailable

EXPIRE = b"SELECT next_after, removed, mailboxes, modseqs FROM chatmail.expire(%b, %b, %b, %b, %b, %b, %b)"
TRIM = b"SELECT mailbox_id, modseq FROM chatmail.trim_account(%b, %b)"
NEARLY_FULL = b"SELECT chatmail.nearly_full(%b)"
EXPIRE_ACCOUNTS = b"SELECT chatmail.expire_accounts(%b, %b)"
FREE_ORPHANS = b"SELECT chatmail.free_orphans()"
FORGET_DESTINATIONS = b"SELECT chatmail.forget_destinations()"

# Small steps: what a step touches is locked until it ends, and deliveries do not wait long.
MAILBOXES_A_STEP = 500
MESSAGES_A_STEP = 200
OCTETS_A_STEP = 32 * 1024 * 1024
ACCOUNTS_A_STEP = 100
LARGE_SIZE = 200_000  # octets: above this a message is large

Rung = list[tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Limits:
    """How long and how much is kept; ages in days from arrival, sizes in octets."""

    days: int
    large_days: int
    large_size: int
    inactive_days: int
    quota: int


class Expiry:
    """Each method is one bounded transaction, or a few; raises Unavailable while Postgres is away."""

    def __init__(self, url: str, limits: Limits) -> None:
        self._url = url
        self._limits = limits
        self._connection: psycopg.Connection[tuple[Any, ...]] | None = None

    def expire_step(self, after: int) -> tuple[int | None, int, Rung]:
        """Expire mail in the next mailboxes after id `after`: (where to go on or None, removed, what to ring)."""
        limits = self._limits
        step = (after, MAILBOXES_A_STEP, MESSAGES_A_STEP, OCTETS_A_STEP)
        parameters = (*step, limits.days, limits.large_days, limits.large_size)
        ((next_after, removed, mailboxes, modseqs),) = self._rows(EXPIRE, parameters)
        return next_after, removed, list(zip(mailboxes or (), modseqs or (), strict=True))

    def trim(self, mailbox_id: int) -> Rung:
        """Trim the mailbox's account if it is nearly full; return what to ring."""
        return [(mailbox, modseq) for mailbox, modseq in self._rows(TRIM, (mailbox_id, self._limits.quota))]

    def nearly_full(self) -> list[int]:
        """Return the INBOX of every account over three quarters of its quota."""
        return [row[0] for row in self._rows(NEARLY_FULL, (self._limits.quota,))]

    def expire_accounts(self) -> int:
        """Remove a bounded number of accounts that nobody uses; return how many."""
        ((count,),) = self._rows(EXPIRE_ACCOUNTS, (self._limits.inactive_days, ACCOUNTS_A_STEP))
        return int(count)

    def free_orphans(self) -> int:
        """Remove bodies that no message holds; return how many."""
        ((count,),) = self._rows(FREE_ORPHANS, ())
        return int(count)

    def forget_destinations(self) -> None:
        """Forget where mail went to once none waits, and what is out of date about other servers."""
        self._rows(FORGET_DESTINATIONS, ())

    def close(self) -> None:
        if self._connection:
            self._connection.close()
            self._connection = None

    def _rows(self, statement: bytes, parameters: tuple[Any, ...]) -> list[tuple[Any, ...]]:
        try:
            if self._connection is None or self._connection.closed:
                self._connection = psycopg.connect(
                    self._url, autocommit=True, connect_timeout=5, options="-c lock_timeout=5s -c jit=off"
                )
            return self._connection.execute(statement, parameters).fetchall()
        except psycopg.OperationalError as error:
            self.close()
            raise Unavailable from error
