"""Fakes that keep the contracts of what they stand for: an IMAP store and its doorkeeper in memory.

They pass the same contract tests as the real ones (tests/unit/imap/store_contract.py), so that a dialogue
played on them means something.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from imap.store import (
    Account,
    Arranged,
    Changes,
    Enclosed,
    Flag,
    Folder,
    Letter,
    Marked,
    Message,
    NotPut,
    Older,
    Put,
    Quota,
    Refused,
    Snapshot,
    Status,
    TooMuch,
    TooOften,
    Uids,
    Unavailable,
    Unfit,
)

from shared.mail.mailbox import FIRST_KEYWORD, MAX_KEYWORDS
from shared.policy.push import MAX_TOKENS
from shared.storage.folders import MAX_MAILBOXES, MAX_SUBSCRIPTIONS

INLINE_LIMIT = 64 * 1024
ARRIVAL = 1_700_000_000  # 14 Nov 2023 22:13:20 UTC, counted up by a minute a message
SAVED = ARRIVAL + 86_400  # when everything is copied or appended here
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
    uidvalidity: int = UIDVALIDITY
    special_use: str = ""
    keywords: list[str] = field(default_factory=list)

    @property
    def size(self) -> int:
        return sum(kept.message.size for kept in self.messages.values())

    def learn(self, names: Sequence[str]) -> None:
        """Know these keywords, while there is room."""
        for name in names:
            if len(self.keywords) < MAX_KEYWORDS and name.lower() not in map(str.lower, self.keywords):
                self.keywords.append(name)

    def bits(self, names: Sequence[str]) -> int:
        """Return the bits of those keywords that are known."""
        wanted = {name.lower() for name in names}
        known = enumerate(self.keywords, FIRST_KEYWORD)
        return sum(1 << bit for bit, name in known if name.lower() in wanted)

    def named(self, mask: int) -> list[str]:
        """Return the keywords whose bits are set."""
        return [name for bit, name in enumerate(self.keywords, FIRST_KEYWORD) if mask >> bit & 1]

    def bump(self) -> int:
        """Take the next modseq."""
        self.modseq += 1
        return self.modseq


class MemoryFolders:
    """`imap.store.Folders`, for MemoryStore."""

    quota_limit = 500_000_000

    def __init__(self) -> None:
        self.is_away = False
        self.calls: list[str] = []  # what was asked, in order
        self._boxes: dict[int, Box] = {}
        self._subscribed: set[tuple[int, str]] = set()
        self._bodies = self._made = 0

    def make(self, account_id: int, name: str) -> Box:
        """Make a mailbox."""
        self._made += 1
        box = Box(self._made, account_id, name, uidvalidity=UIDVALIDITY + self._made - 1)
        self._boxes[box.mailbox_id] = box
        return box

    async def folders(self, account_id: int) -> Sequence[Folder]:
        self._called("folders")
        names = {name for owner, name in self._subscribed if owner == account_id}
        boxes = {box.name: box for box in self._of(account_id)}
        folders = [
            Folder(name, box.mailbox_id, box.special_use, name == "INBOX" or name in names)
            for name, box in boxes.items()
        ] + [Folder(name, None, "", True) for name in names - boxes.keys()]
        return sorted(folders, key=lambda folder: (folder.name != "INBOX", folder.name))

    async def create(self, account_id: int, name: str, special_use: str = "") -> tuple[Arranged, int]:
        self._called("create")
        if self._find(account_id, name):
            return Arranged.THERE, 0
        if special_use and any(box.special_use == special_use for box in self._of(account_id)):
            return Arranged.USE_TAKEN, 0
        if not self._make_all(account_id, name):
            return Arranged.TOO_MANY, 0
        box = self._find(account_id, name)
        assert box
        box.special_use = special_use
        return Arranged.DONE, box.mailbox_id

    async def delete(self, account_id: int, name: str) -> tuple[Arranged, int]:
        self._called("delete")
        box = self._find(account_id, name)
        if box is None or name == "INBOX":
            has_children = any(one.name.startswith(name + "/") for one in self._of(account_id))
            return (Arranged.HAS_CHILDREN if has_children else Arranged.MISSING), 0
        del self._boxes[box.mailbox_id]
        return Arranged.DONE, box.mailbox_id

    async def rename(self, account_id: int, old: str, new: str, longest: int, deepest: int) -> Arranged:
        self._called("rename")
        moved = [box for box in self._of(account_id) if box.name == old or box.name.startswith(old + "/")]
        names = [new + box.name.removeprefix(old) for box in moved]
        others = {box.name for box in self._of(account_id) if box not in moved}
        if not moved:
            return Arranged.MISSING
        if others & {new, *names}:
            return Arranged.THERE
        if any(len(name.encode()) > longest or name.count("/") >= deepest for name in names):
            return Arranged.TOO_LONG
        for box, name in zip(moved, names, strict=True):
            box.name = name
        above = new.rpartition("/")[0]
        return Arranged.DONE if not above or self._make_all(account_id, above) else Arranged.TOO_MANY

    async def subscribe(self, account_id: int, name: str) -> Arranged:
        self._called("subscribe")
        if not self._find(account_id, name):
            return Arranged.MISSING
        if len(self._subscribed) >= MAX_SUBSCRIPTIONS:
            return Arranged.TOO_MANY
        self._subscribed.add((account_id, name))
        return Arranged.DONE

    async def unsubscribe(self, account_id: int, name: str) -> Arranged:
        self._called("unsubscribe")
        if (account_id, name) not in self._subscribed:
            return Arranged.MISSING
        self._subscribed.remove((account_id, name))
        return Arranged.DONE

    async def add_keywords(self, mailbox_id: int, names: Sequence[str]) -> Sequence[str] | None:
        self._called("add_keywords")
        if mailbox_id not in self._boxes:
            return None
        self._boxes[mailbox_id].learn(names)
        return tuple(self._boxes[mailbox_id].keywords)

    async def copy(self, mailbox_id: int, uids: Sequence[int], name: str) -> Put | NotPut:
        self._called("copy")
        return self._put(mailbox_id, uids, name, is_move=False)

    async def move(self, mailbox_id: int, uids: Sequence[int], name: str) -> Put | NotPut:
        self._called("move")
        return self._put(mailbox_id, uids, name, is_move=True)

    def _put(self, mailbox_id: int, uids: Sequence[int], name: str, *, is_move: bool) -> Put | NotPut:
        source = self._boxes.get(mailbox_id)
        if source is None:
            return NotPut.GONE
        target = self._find(source.account_id, name)
        if target is None:
            return NotPut.MISSING
        copied = [uid for uid in sorted(set(uids)) if uid in source.messages]
        size = sum(source.messages[uid].message.size for uid in copied)
        if copied and not is_move and self._used(source.account_id) + size > self.quota_limit:
            return NotPut.FULL
        first_uid, modseq = target.uidnext, target.bump() if copied else target.modseq
        for uid in copied:
            kept = source.messages[uid]
            words = source.named(kept.message.flags)
            target.learn(words)
            mask = kept.message.flags & 31 | target.bits(words)
            target.messages[target.uidnext] = _Stored(
                replace(kept.message, uid=target.uidnext, flags=mask, modseq=modseq, saved=SAVED), kept.body, modseq
            )
            target.uidnext += 1
        gone = source.bump() if is_move and copied else 0
        for uid in copied if is_move else ():
            del source.messages[uid]
            source.tombstones.append((gone, uid))
        return Put(target.mailbox_id, target.uidvalidity, modseq, first_uid, copied, gone)

    def append(self, account_id: int, name: str, letters: Sequence[Letter]) -> Put | NotPut:
        """Put messages in, as the letterbox does."""
        self._called("append")
        box = self._find(account_id, name)
        if box is None:
            return NotPut.MISSING
        if self._used(account_id) + sum(len(letter.body) for letter in letters) > self.quota_limit:
            return NotPut.FULL
        first_uid, modseq = box.uidnext, box.bump()
        for letter in letters:
            box.learn(letter.keywords)
            flags, dated = letter.flags | box.bits(letter.keywords), SAVED if letter.dated is None else letter.dated
            self._keep(box, letter.body, flags, dated, modseq, SAVED)
        return Put(box.mailbox_id, box.uidvalidity, modseq, first_uid)

    def _keep(self, box: Box, body: bytes, flags: int, at: int, modseq: int, saved: int) -> int:
        self._bodies += 1
        uid = box.uidnext
        message = Message(uid, flags, modseq, len(body), at, saved=saved, body_id=self._bodies)
        box.messages[uid] = _Stored(message, body, modseq)
        box.uidnext += 1
        return uid

    def _make_all(self, account_id: int, name: str) -> bool:
        parts = name.split("/")
        names = ["/".join(parts[: at + 1]) for at in range(len(parts))]
        missing = [one for one in names if not self._find(account_id, one)]
        if len(missing) + len(self._of(account_id)) > MAX_MAILBOXES:
            return False
        for one in missing:
            self.make(account_id, one)
        return True

    def _of(self, account_id: int) -> list[Box]:
        return [box for box in self._boxes.values() if box.account_id == account_id]

    def _used(self, account_id: int) -> int:
        return sum(box.size for box in self._of(account_id))

    def _find(self, account_id: int, name: str) -> Box | None:
        return next((box for box in self._of(account_id) if box.name == name), None)

    def _called(self, name: str) -> None:
        self.calls.append(name)
        if self.is_away:
            raise Unavailable


class MemoryStore(MemoryFolders):
    """`imap.store.Store`; while `is_away`, every call raises Unavailable."""

    def __init__(self, inline_limit: int = INLINE_LIMIT) -> None:
        super().__init__()
        self.inline_limit = inline_limit
        self.life = 0

    # What happens elsewhere

    def open_account(self, account_id: int) -> Box:
        """Make an account's INBOX if there is none yet, and return it."""
        for box in self._boxes.values():
            if box.account_id == account_id and box.name == "INBOX":
                return box
        return self.make(account_id, "INBOX")

    def drop(self, mailbox_id: int) -> None:
        """Remove a mailbox."""
        del self._boxes[mailbox_id]

    def deliver(self, mailbox_id: int, body: bytes, flags: int = 0, arrived: int | None = None) -> int:
        """Put a message in a mailbox; return its UID."""
        box = self._boxes[mailbox_id]
        at = ARRIVAL + 60 * box.uidnext if arrived is None else arrived
        return self._keep(box, body, flags, at, box.bump(), at)

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
        deleted = [kept.message.size for kept in stored if kept.message.flags & Flag.DELETED]
        numbers = (len(box.messages), unseen, box.size, len(deleted), sum(deleted))
        return Status(box.mailbox_id, box.uidvalidity, box.uidnext, *numbers, box.modseq)

    async def snapshot(self, account_id: int, name: str, newest: int | None = None) -> Snapshot | None:
        self._called("snapshot")
        box = self._find(account_id, name)
        if box is None:
            return None
        older = 0 if newest is None else max(0, len(box.messages) - newest)
        flags = [kept.message.flags for kept in box.messages.values()][older:]
        uids, keywords = list(box.messages)[older:], tuple(box.keywords)
        return Snapshot(
            box.mailbox_id, box.uidvalidity, box.uidnext, box.modseq, uids, flags, keywords, older, self.life
        )

    async def older(self, mailbox_id: int, before: int, since: int) -> Older | None:
        self._called("older")
        box = self._boxes.get(mailbox_id)
        if box is None:
            return None
        there = {uid: kept for uid, kept in box.messages.items() if uid < before}
        marked = [uid for uid, kept in there.items() if kept.changed > since]
        expunged = sorted(uid for modseq, uid in box.tombstones if modseq > since and uid < before)
        return Older(list(there), [kept.message.flags for kept in there.values()], marked, expunged, self.life)

    async def changes(self, mailbox_id: int, since: int, uidnext: int) -> Changes | None:
        self._called("changes")
        box = self._boxes.get(mailbox_id)
        if box is None:
            return None
        arrived = [(uid, kept.message.flags) for uid, kept in box.messages.items() if uid >= uidnext]
        marked = {uid: kept for uid, kept in box.messages.items() if uid < uidnext and kept.changed > since}
        flagged = [(uid, kept.message.flags) for uid, kept in marked.items()]
        modseqs = [kept.changed for kept in marked.values()]
        expunged = sorted(uid for modseq, uid in box.tombstones if modseq > since and uid < uidnext)
        waited, keywords = [WAITED] * len(arrived), tuple(box.keywords)
        return Changes(box.modseq, box.uidnext, arrived, flagged, expunged, waited, keywords, modseqs)

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

    async def changed_since(self, mailbox_id: int, since: int) -> Sequence[int]:
        self._called("changed_since")
        box = self._boxes.get(mailbox_id)
        return [uid for uid, kept in box.messages.items() if kept.message.modseq > since] if box else []

    async def add_flags(self, mailbox_id: int, uids: Sequence[int], flags: int, until: int | None = None) -> Marked:
        return self._mark(mailbox_id, uids, flags, 0, until)

    async def remove_flags(self, mailbox_id: int, uids: Sequence[int], flags: int, until: int | None = None) -> Marked:
        return self._mark(mailbox_id, uids, 0, flags, until)

    async def replace_flags(self, mailbox_id: int, uids: Sequence[int], flags: int, until: int | None = None) -> Marked:
        return self._mark(mailbox_id, uids, flags, (1 << 63) - 1, until)

    async def deleted(self, mailbox_id: int, before: int) -> Uids | None:
        self._called("deleted")
        box = self._boxes.get(mailbox_id)
        if box is None:
            return None
        stored = box.messages.items()
        return Uids(box.modseq, [uid for uid, kept in stored if uid < before and kept.message.flags & Flag.DELETED])

    async def expunge(self, mailbox_id: int, uids: Sequence[int]) -> Uids:
        self._called("expunge")
        stored = [(uid, self._stored(mailbox_id, uid)) for uid in sorted(uids)]
        gone = [uid for uid, kept in stored if kept and kept.message.flags & Flag.DELETED]
        if not gone:
            return Uids(0, [])
        box = self._boxes[mailbox_id]
        modseq = box.bump()
        for uid in gone:
            del box.messages[uid]
            box.tombstones.append((modseq, uid))
        return Uids(modseq, gone)

    async def quota(self, account_id: int) -> Quota:
        self._called("quota")
        messages = sum(len(box.messages) for box in self._of(account_id))
        return Quota(self._used(account_id), self.quota_limit, messages)

    def _mark(self, mailbox_id: int, uids: Sequence[int], added: int, cleared: int, until: int | None = None) -> Marked:
        self._called("store")
        there = [kept for uid in sorted(uids) if (kept := self._stored(mailbox_id, uid))]
        stored = [kept for kept in there if until is None or kept.message.modseq <= until]
        latest = self._boxes[mailbox_id].bump() if stored else 0
        for kept in stored:
            mask = kept.message.flags & ~int(cleared) | int(added)
            if mask != kept.message.flags:
                kept.changed = latest
                kept.message = replace(kept.message, flags=mask, modseq=latest)
        messages = [(kept.message.uid, kept.message.flags) for kept in stored]
        return Marked(latest, messages, [kept.message.modseq for kept in stored])

    def _stored(self, mailbox_id: int, uid: int) -> _Stored | None:
        box = self._boxes.get(mailbox_id)
        return box.messages.get(uid) if box else None


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


class Kept:
    """`imap.store.Arriving`, in memory."""

    def __init__(self) -> None:
        self.data = b""
        self.is_closed = False

    def write(self, octets: bytes, /) -> None:
        self.data += octets

    def close(self) -> None:
        self.is_closed = True


class MemoryLetterbox:
    """`imap.store.Letterbox`: takes every message but those that say `unfit`, or `too much`, somewhere."""

    def __init__(self, store: MemoryStore) -> None:
        self._store = store
        self.received: list[Kept] = []

    def receive(self, account_id: int) -> Kept:
        self.received.append(Kept())
        return self.received[-1]

    async def put(self, account_id: int, name: str, messages: Sequence[Enclosed]) -> Put | NotPut:
        letters = []
        for one in messages:
            assert isinstance(one.octets, Kept)
            data = one.octets.data
            if b"unfit" in data:
                raise Unfit("Encryption Needed: Invalid Unencrypted Mail")
            if b"too much" in data:
                raise TooMuch
            letters.append(Letter(data, len(_header(data)), one.flags, one.keywords, one.dated))
        return self._store.append(account_id, name, letters)


class MemoryDoorkeeper:
    """`imap.store.Doorkeeper`: knows the passwords it is told, and lets nobody be born."""

    def __init__(self, store: MemoryStore) -> None:
        self._store = store
        self._passwords: dict[str, tuple[int, str, int]] = {}
        self.is_away = False
        self.is_strict = False  # too many attempts

    def know(self, address: str, password: str) -> Box:
        """Make an account; return its INBOX."""
        account_id = len(self._passwords) + 1
        box = self._store.open_account(account_id)
        self._passwords[address] = (account_id, password, box.mailbox_id)
        return box

    async def login(self, name: str, password: str) -> Account:
        if self.is_away:
            raise Unavailable
        if self.is_strict:
            raise TooOften
        account_id, wanted, inbox_id = self._passwords.get(name.lower(), (0, None, 0))
        if password != wanted:
            raise Refused
        return Account(account_id, name.lower(), inbox_id)


def _header(body: bytes) -> bytes:
    end = body.find(b"\r\n\r\n")
    return body if end < 0 else body[: end + 4]
