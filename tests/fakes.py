"""Fakes that keep the contracts of what they stand for: an IMAP store and its doorkeeper in memory.

They pass the same contract tests as the real ones (tests/unit/imap/store_contract.py), so that a dialogue
played on them means something.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from imap.store import (
    Account,
    Changes,
    Flag,
    Message,
    Quota,
    Refused,
    Snapshot,
    Status,
    TooOften,
    Unavailable,
)

from shared.policy.push import MAX_TOKENS

INLINE_LIMIT = 64 * 1024
ARRIVAL = 1_700_000_000  # 14 Nov 2023 22:13:20 UTC, counted up by a minute a message
WAITED = 0.25  # seconds that every message has waited, here, when it is told
UIDVALIDITY = 1_234_567


@dataclass
class _Stored:
    message: Message
    body: bytes
    changed: int


@dataclass
class Box:
    """One mailbox of one account."""

    mailbox_id: int
    account_id: int
    name: str
    uidnext: int = 1
    modseq: int = 1
    messages: dict[int, _Stored] = field(default_factory=dict)
    tombstones: list[tuple[int, int]] = field(default_factory=list)  # modseq, uid

    def bump(self) -> int:
        """Take the next modseq."""
        self.modseq += 1
        return self.modseq


class MemoryStore:
    """`imap.store.Store`; while `is_away`, every call raises Unavailable."""

    def __init__(self, inline_limit: int = INLINE_LIMIT) -> None:
        self.inline_limit = inline_limit
        self.quota_limit = 500_000_000
        self.is_away = False
        self.calls: list[str] = []  # what was asked, in order
        self._boxes: dict[int, Box] = {}

    # What happens elsewhere

    def open_account(self, account_id: int) -> Box:
        """Make an account's INBOX if there is none yet, and return it."""
        for box in self._boxes.values():
            if box.account_id == account_id and box.name == "INBOX":
                return box
        return self.make(account_id, "INBOX")

    def make(self, account_id: int, name: str) -> Box:
        """Make a mailbox."""
        box = Box(len(self._boxes) + 1, account_id, name)
        self._boxes[box.mailbox_id] = box
        return box

    def drop(self, mailbox_id: int) -> None:
        """Remove a mailbox."""
        del self._boxes[mailbox_id]

    def deliver(self, mailbox_id: int, body: bytes, flags: int = 0, arrived: int | None = None) -> int:
        """Put a message in a mailbox; return its UID."""
        box = self._boxes[mailbox_id]
        uid, modseq = box.uidnext, box.bump()
        at = ARRIVAL + 60 * uid if arrived is None else arrived
        box.messages[uid] = _Stored(Message(uid, flags, modseq, len(body), at), body, modseq)
        box.uidnext += 1
        return uid

    def box(self, mailbox_id: int) -> Box:
        """Return a mailbox as it is."""
        return self._boxes[mailbox_id]

    # The contract

    async def names(self, account_id: int) -> Sequence[str]:
        self._called("names")
        names = [box.name for box in self._boxes.values() if box.account_id == account_id]
        return sorted(names, key=lambda name: (name != "INBOX", name))

    async def status(self, account_id: int, name: str) -> Status | None:
        self._called("status")
        box = self._find(account_id, name)
        if box is None:
            return None
        stored = box.messages.values()
        unseen = sum(not kept.message.flags & Flag.SEEN for kept in stored)
        size = sum(kept.message.size for kept in stored)
        return Status(box.mailbox_id, UIDVALIDITY, box.uidnext, len(box.messages), unseen, size)

    async def snapshot(self, account_id: int, name: str) -> Snapshot | None:
        self._called("snapshot")
        box = self._find(account_id, name)
        if box is None:
            return None
        flags = [kept.message.flags for kept in box.messages.values()]
        return Snapshot(box.mailbox_id, UIDVALIDITY, box.uidnext, box.modseq, list(box.messages), flags)

    async def changes(self, mailbox_id: int, since: int, uidnext: int) -> Changes | None:
        self._called("changes")
        box = self._boxes.get(mailbox_id)
        if box is None:
            return None
        arrived = [(uid, kept.message.flags) for uid, kept in box.messages.items() if uid >= uidnext]
        flagged = [
            (uid, kept.message.flags) for uid, kept in box.messages.items() if uid < uidnext and kept.changed > since
        ]
        expunged = sorted(uid for modseq, uid in box.tombstones if modseq > since and uid < uidnext)
        return Changes(box.modseq, box.uidnext, arrived, flagged, expunged, [WAITED] * len(arrived))

    async def fetch(self, mailbox_id: int, uids: Sequence[int], *, header: bool, body: bool) -> Sequence[Message]:
        self._called("fetch")
        found = [kept for uid in sorted(uids) if (kept := self._stored(mailbox_id, uid))]
        return [
            replace(
                kept.message,
                header=_header(kept.body) if header else None,
                body=kept.body if body and len(kept.body) <= self.inline_limit else None,
            )
            for kept in found
        ]

    async def read(self, mailbox_id: int, uid: int, offset: int, length: int) -> bytes:
        self._called("read")
        kept = self._stored(mailbox_id, uid)
        return kept.body[offset : offset + length] if kept else b""

    async def add_flags(self, mailbox_id: int, uids: Sequence[int], flags: int) -> Sequence[tuple[int, int]]:
        return self._mark(mailbox_id, uids, flags, 0)

    async def remove_flags(self, mailbox_id: int, uids: Sequence[int], flags: int) -> Sequence[tuple[int, int]]:
        return self._mark(mailbox_id, uids, 0, flags)

    async def replace_flags(self, mailbox_id: int, uids: Sequence[int], flags: int) -> Sequence[tuple[int, int]]:
        return self._mark(mailbox_id, uids, flags, 31)

    async def expunge(self, mailbox_id: int, uids: Sequence[int]) -> Sequence[int]:
        self._called("expunge")
        stored = [(uid, self._stored(mailbox_id, uid)) for uid in sorted(uids)]
        gone = [uid for uid, kept in stored if kept and kept.message.flags & Flag.DELETED]
        if gone:
            box = self._boxes[mailbox_id]
            modseq = box.bump()
            for uid in gone:
                del box.messages[uid]
                box.tombstones.append((modseq, uid))
        return gone

    async def quota(self, account_id: int) -> Quota:
        self._called("quota")
        boxes = [box for box in self._boxes.values() if box.account_id == account_id]
        used = sum(kept.message.size for box in boxes for kept in box.messages.values())
        return Quota(used, self.quota_limit)

    def _mark(self, mailbox_id: int, uids: Sequence[int], added: int, cleared: int) -> list[tuple[int, int]]:
        self._called("store")
        stored = [kept for uid in sorted(uids) if (kept := self._stored(mailbox_id, uid))]
        if stored:
            modseq = self._boxes[mailbox_id].bump()
            for kept in stored:
                kept.changed = modseq
                kept.message = replace(kept.message, flags=kept.message.flags & ~cleared | added, modseq=modseq)
        return [(kept.message.uid, kept.message.flags) for kept in stored]

    def _stored(self, mailbox_id: int, uid: int) -> _Stored | None:
        box = self._boxes.get(mailbox_id)
        return box.messages.get(uid) if box else None

    def _find(self, account_id: int, name: str) -> Box | None:
        return next((box for box in self._boxes.values() if (box.account_id, box.name) == (account_id, name)), None)

    def _called(self, name: str) -> None:
        self.calls.append(name)
        if self.is_away:
            raise Unavailable


class MemoryTokens:
    """`imap.store.Tokens`; while `is_away`, every call raises Unavailable."""

    def __init__(self) -> None:
        self.is_away = False
        self._kept: dict[int, list[bytes]] = {}
        self._set_at: dict[tuple[int, bytes], int] = {}

    async def set_token(self, account_id: int, token: bytes) -> None:
        kept = await self._of(account_id)
        if token not in kept:
            kept.append(token)
        self._set_at[account_id, token] = max(self._set_at.values(), default=0) + 1
        if len(kept) > MAX_TOKENS:
            kept.remove(min(kept, key=lambda one: self._set_at[account_id, one]))

    async def forget_tokens(self, account_id: int) -> None:
        (await self._of(account_id)).clear()

    async def tokens(self, account_id: int) -> Sequence[bytes]:
        return tuple(await self._of(account_id))

    async def _of(self, account_id: int) -> list[bytes]:
        if self.is_away:
            raise Unavailable
        return self._kept.setdefault(account_id, [])


class MemoryDoorkeeper:
    """`imap.store.Doorkeeper`: knows the passwords it is told, and lets nobody be born."""

    def __init__(self, store: MemoryStore) -> None:
        self._store = store
        self._passwords: dict[str, tuple[int, str]] = {}
        self.is_away = False
        self.is_strict = False  # too many attempts

    def know(self, address: str, password: str) -> Box:
        """Make an account; return its INBOX."""
        account_id = len(self._passwords) + 1
        self._passwords[address] = (account_id, password)
        return self._store.open_account(account_id)

    async def login(self, name: str, password: str) -> Account:
        if self.is_away:
            raise Unavailable
        if self.is_strict:
            raise TooOften
        account_id, wanted = self._passwords.get(name.lower(), (0, None))
        if password != wanted:
            raise Refused
        return Account(account_id, name.lower())


def _header(body: bytes) -> bytes:
    end = body.find(b"\r\n\r\n")
    return body if end < 0 else body[: end + 4]
