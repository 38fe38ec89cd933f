"""Who listens for which mailbox, and who has logged in how often, in this process.

Strategy: a bell names a mailbox; what it wakes is found in one look-up. A bell may be lost, so losing it costs only
time: connections also look by themselves.
"""

from collections import Counter
from typing import Protocol

MAX_SESSIONS = 50  # of one account: Delta Chat keeps one or two a device, and old ones may linger on lost networks


class Listener(Protocol):
    """A connection, as the bell sees it."""

    def ring(self, modseq: int) -> None:
        """Hear that the watched mailbox has come to `modseq`."""

    def arrived(self, modseq: int, uid: int, at: int) -> None:
        """Hear that this modseq of the watched mailbox, for which it rings next, is that of a message without flags."""

    def look(self) -> None:
        """Look, whatever was heard."""

    @property
    def is_idling(self) -> bool:
        """It waits in IDLE."""


class Registry:
    """The open connections and the mailboxes they watch."""

    def __init__(self) -> None:
        self._open: dict[Listener, int] = {}  # and the mailbox each watches, 0 for none
        self._watching: dict[int, set[Listener]] = {}
        self._accounts: dict[Listener, int] = {}
        self._sessions: Counter[int] = Counter()  # by account
        self._seen = 0

    def __len__(self) -> int:
        return len(self._open)

    @property
    def sessions(self) -> int:
        """How many have logged in."""
        return len(self._accounts)

    @property
    def idling(self) -> int:
        """How many wait in IDLE; looks at every connection."""
        return sum(listener.is_idling for listener in self._open)

    def add(self, listener: Listener) -> float:
        """Take in a connection; return its share (0 to 1) of any interval, so that rounds are spread over time."""
        self._open[listener] = 0
        self._seen += 1
        return self._seen * 0.6180339887 % 1

    def remove(self, listener: Listener) -> None:
        """Forget a connection."""
        self._unwatch(listener, self._open.pop(listener, 0))
        account_id = self._accounts.pop(listener, None)
        if account_id is not None:
            self._sessions[account_id] -= 1
            if not self._sessions[account_id]:
                del self._sessions[account_id]

    def admit(self, listener: Listener, account_id: int) -> bool:
        """Count an open connection as the account's; return False if the account has too many, or it was lost."""
        if listener not in self._open or self._sessions[account_id] >= MAX_SESSIONS:
            return False
        self._accounts[listener] = account_id
        self._sessions[account_id] += 1
        return True

    def watch(self, listener: Listener, mailbox_id: int) -> None:
        """From now on ring for this mailbox, and for no other."""
        self._unwatch(listener, self._open.get(listener, 0))
        self._open[listener] = mailbox_id
        self._watching.setdefault(mailbox_id, set()).add(listener)

    def ring(self, mailbox_id: int, modseq: int) -> None:
        """Pass on a bell."""
        for listener in tuple(self._watching.get(mailbox_id, ())):
            listener.ring(modseq)

    def arrived(self, mailbox_id: int, modseq: int, uid: int, at: int) -> None:
        """Pass on what a bell that comes next is about; `at` in ms since 1970."""
        for listener in self._watching.get(mailbox_id, ()):
            listener.arrived(modseq, uid, at)

    def touched(self, mailbox_id: int, by: Listener) -> None:
        """One connection has changed a mailbox: let the others that watch it look."""
        for listener in tuple(self._watching.get(mailbox_id, ())):
            if listener is not by:
                listener.look()

    def look_all(self) -> None:
        """Bells may have been missed."""
        for listener in tuple(self._open):
            listener.look()

    def _unwatch(self, listener: Listener, mailbox_id: int) -> None:
        watching = self._watching.get(mailbox_id)
        if watching is not None:
            watching.discard(listener)
            if not watching:
                del self._watching[mailbox_id]
