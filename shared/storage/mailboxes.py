"""The IMAP service's store on Postgres: `imap.store.Store`, fulfilled without importing it.

Strategy: every question of every session goes through a lane, so that many sessions' questions become one
statement. Questions answer from one snapshot each; UIDs and modseqs come from the mailbox row, whose lock orders
them, so what a statement sees is complete up to the uidnext and modseq it returns.
"""

from collections import defaultdict
from collections.abc import Hashable, Iterator, Sequence
from datetime import UTC, date, datetime
from operator import attrgetter
from typing import Any, TypeVar

from shared.mail.mailbox import Changes, Marked, Message, Older, Quota, Snapshot, Status, Uids
from shared.storage import mailbox_statements as sql
from shared.storage.database import Database
from shared.storage.folders import Folders
from shared.storage.lane import WEIGHT_LIMIT, Connection
from shared.storage.operation import Light

ALL_FLAGS = (1 << 63) - 1  # keywords included
T = TypeVar("T")

_Fetch = tuple[int, Sequence[int], int]  # mailbox, uids, what: 0 nothing, 1 header, 2 body, 3 both
_Marks = tuple[int, Sequence[int], int, int, int | None]  # mailbox, uids, added, cleared, until


def _spread(items: Sequence[tuple[Any, ...]]) -> Iterator[tuple[int, int, int, tuple[Any, ...]]]:
    """Yield (item's number from 1, mailbox, uid, rest) for every UID of every item, in mailbox and UID order."""
    ordered = sorted(enumerate(items, 1), key=lambda pair: pair[1][0])
    for index, (mailbox_id, uids, *rest) in ordered:
        for uid in uids:
            yield index, mailbox_id, uid, tuple(rest)


class _Look(Light):
    async def run(self, connection: Connection, items: Sequence[tuple[int, int, int]]) -> list[Changes | None]:
        columns = [list(column) for column in zip(*items, strict=True)]
        found: list[Changes | None] = [None] * len(items)
        rows = await connection.execute(sql.CHANGES, columns, binary=True)
        for index, modseq, uidnext, keywords, arrived, flagged, gone in rows:
            found[index - 1] = Changes(
                modseq,
                uidnext,
                tuple((uid, flags) for uid, flags, _ in arrived),
                tuple((uid, flags) for uid, flags, _ in flagged),
                tuple(sorted(uid for uid in gone if uid < items[index - 1][2])),
                tuple(microseconds / 1e6 for *_, microseconds in arrived),
                tuple(keywords or ()),
                tuple(changed_at for *_, changed_at in flagged),
            )
        return found


class _FetchMessages(Light):
    limit = 64

    def weight(self, item: _Fetch, /) -> int:
        _, uids, what = item
        return len(uids) * (sql.INLINE_LIMIT if what & 2 else sql.USUAL_HEADER if what & 1 else 0)

    async def run(self, connection: Connection, items: Sequence[_Fetch]) -> list[list[Message]]:
        rows = list(_spread(items))
        parameters = (
            sql.INLINE_LIMIT,
            [row[0] for row in rows],
            [row[1] for row in rows],
            [row[2] for row in rows],
            [row[3][0] for row in rows],
        )
        told = await connection.execute(sql.FETCH, parameters, binary=True)
        found: list[list[Message]] = [[] for _ in items]
        for index, uid, flags, modseq, size, arrived, saved, body_id, header_size, data in told:
            wanted = items[index - 1][2]
            header = data[:header_size] if data is not None and wanted & 1 else None
            body = data if wanted & 2 and size <= sql.INLINE_LIMIT else None
            found[index - 1].append(Message(uid, flags, modseq, size, arrived, header, body, saved, body_id))
        for messages in found:
            if len(messages) > 1:
                messages.sort(key=attrgetter("uid"))
        return found


class _Read(Light):
    limit = 16

    async def run(self, connection: Connection, items: Sequence[tuple[int, int, int, int]]) -> list[bytes]:
        columns = [list(column) for column in zip(*items, strict=True)]
        found = [b""] * len(items)
        rows = await connection.execute(sql.READ, columns, binary=True)
        for index, data in rows:
            found[index - 1] = data
        return found

    def weight(self, item: tuple[int, int, int, int], /) -> int:
        return item[3]


MOST = 4096  # messages changed in one statement, and what its last item asks beyond that


class _OnePerMailbox(Light):
    # The functions bump a mailbox's modseq once a batch: two sessions' changes must not share it.
    def key(self, item: Any, /) -> Hashable:
        mailbox_id: int = item[0]
        return mailbox_id

    def weight(self, item: Any, /) -> int:
        return len(item[1]) * (WEIGHT_LIMIT // MOST)


class _Mark(_OnePerMailbox):
    async def run(self, connection: Connection, items: Sequence[_Marks]) -> list[Marked]:
        rows = list(_spread(items))
        parameters = (
            [row[1] for row in rows],
            [row[2] for row in rows],
            [row[3][0] for row in rows],
            [row[3][1] for row in rows],
            [row[3][2] for row in rows],
        )
        told = await connection.execute(sql.MARK, parameters, binary=True)
        by_mailbox: defaultdict[int, list[tuple[int, int]]] = defaultdict(list)
        modseqs: defaultdict[int, list[int]] = defaultdict(list)
        latest: dict[int, int] = {}
        for mailbox_id, uid, flags, modseq, last in told:
            by_mailbox[mailbox_id].append((uid, flags))
            modseqs[mailbox_id].append(modseq)
            latest[mailbox_id] = last
        return [Marked(latest.get(item[0], 0), by_mailbox[item[0]], modseqs[item[0]]) for item in items]


class _Expunge(_OnePerMailbox):
    async def run(self, connection: Connection, items: Sequence[tuple[int, Sequence[int]]]) -> list[Uids]:
        rows = list(_spread(items))
        parameters = ([row[1] for row in rows], [row[2] for row in rows])
        told = await connection.execute(sql.EXPUNGE, parameters, binary=True)
        by_mailbox: defaultdict[int, list[int]] = defaultdict(list)
        modseqs: dict[int, int] = {}
        for mailbox_id, uid, modseq in told:
            by_mailbox[mailbox_id].append(uid)
            modseqs[mailbox_id] = modseq
        return [Uids(modseqs.get(item[0], 0), by_mailbox[item[0]]) for item in items]


class _SawMailboxes(Light):
    async def run(self, connection: Connection, items: Sequence[int]) -> list[None]:
        await connection.execute(sql.SAW_MAILBOXES, (list(items),))
        return [None] * len(items)


class _Rows(Light):
    """One statement for many items, each a tuple of its columns; a list of rows for each."""

    def __init__(self, statement: bytes, limit: int = Light.limit) -> None:
        self._statement = statement
        self.limit = limit

    async def run(self, connection: Connection, items: Sequence[Sequence[Any]]) -> list[list[tuple[Any, ...]]]:
        columns = [list(column) for column in zip(*items, strict=True)]
        found: list[list[tuple[Any, ...]]] = [[] for _ in items]
        rows = await connection.execute(self._statement, columns, binary=True)
        for index, *rest in rows:
            found[index - 1].append(tuple(rest))
        return found


class Mailboxes(Folders):
    """What is in mailboxes. Every method raises `shared.storage.errors.Unavailable` while Postgres is away."""

    def __init__(self, database: Database, quota: int) -> None:
        super().__init__(database, quota)
        self._database = database
        self._quota = quota
        self._look, self._fetch, self._slices = _Look(), _FetchMessages(), _Read()
        self._mark_messages, self._expunge = _Mark(), _Expunge()
        self._names, self._status = _Rows(sql.NAMES), _Rows(sql.STATUS)
        self._snapshot, self._older = _Rows(sql.SNAPSHOT), _Rows(sql.OLDER, limit=8)
        self._deleted, self._usage = _Rows(sql.DELETED), _Rows(sql.QUOTA)
        self._changed = _Rows(sql.CHANGED_SINCE, limit=8)
        self._saw, self._seen, self._today = _SawMailboxes(), set[int](), date.min

    async def names(self, account_id: int) -> Sequence[str]:
        """Return the account's mailbox names, INBOX first."""
        rows = await self._database.read.submit(self._names, (account_id,))
        return sorted((row[0] for row in rows), key=lambda name: (name != "INBOX", name))

    async def status(self, account_id: int, name: str) -> Status | None:
        """Return the mailbox in numbers, or None if there is no such mailbox."""
        rows = await self._database.read.submit(self._status, (account_id, name))
        return Status(*rows[0]) if rows else None

    async def snapshot(self, account_id: int, name: str, newest: int | None = None) -> Snapshot | None:
        """Return the mailbox as it is now, or None if there is no such mailbox; of its messages only the `newest`."""
        life = self._database.read.connections
        rows = await self._database.read.submit(self._snapshot, (account_id, name, newest))
        if not rows:
            return None
        mailbox_id, uidvalidity, uidnext, modseq, messages, uids, flags, keywords = rows[0]
        uids = uids or ()
        older = messages - len(uids) if len(uids) == newest else 0  # whatever is counted: these are all
        return Snapshot(mailbox_id, uidvalidity, uidnext, modseq, uids, flags or (), keywords or (), older, life)

    async def older(self, mailbox_id: int, before: int, since: int) -> Older | None:
        """Return the messages with UIDs under `before`, and what became of such since modseq `since`; None if gone."""
        rows = await self._database.read.submit(self._older, (mailbox_id, before, since))
        if not rows:
            return None
        uids, flags, marked, expunged = (column or () for column in rows[0])
        return Older(uids, flags, marked, expunged, self._database.read.connections)

    async def changes(self, mailbox_id: int, since: int, uidnext: int) -> Changes | None:
        """Return what happened after modseq `since`, arrivals from UID `uidnext`; None if the mailbox is shut."""
        if mailbox_id not in self._seen:
            await self._note(mailbox_id)
        return await self._database.read.submit(self._look, (mailbox_id, since, uidnext))

    async def fetch(self, mailbox_id: int, uids: Sequence[int], *, header: bool, body: bool) -> Sequence[Message]:
        """Return those of `uids` that exist, ascending; `body` only up to INLINE_LIMIT octets."""
        return await self._database.read.submit(self._fetch, (mailbox_id, uids, header + 2 * body))

    async def read(self, mailbox_id: int, uid: int, offset: int, length: int) -> bytes:
        """Return a slice of a message, shorter or empty at and past its end or when it is gone."""
        return await self._database.read.submit(self._slices, (mailbox_id, uid, offset, length))

    async def changed_since(self, mailbox_id: int, since: int) -> Sequence[int]:
        """Return the UIDs of the messages whose modseq is above `since`, ascending; looks at every message."""
        rows = await self._database.read.submit(self._changed, (mailbox_id, since))
        found: Sequence[int] = rows[0][0] if rows else ()
        return found

    async def add_flags(self, mailbox_id: int, uids: Sequence[int], flags: int, until: int | None = None) -> Marked:
        """Set bits; return those of `uids` that exist and have not changed after modseq `until`."""
        return await self._mark(mailbox_id, uids, flags, 0, until)

    async def remove_flags(self, mailbox_id: int, uids: Sequence[int], flags: int, until: int | None = None) -> Marked:
        """Clear bits; return as `add_flags` does."""
        return await self._mark(mailbox_id, uids, 0, flags, until)

    async def replace_flags(self, mailbox_id: int, uids: Sequence[int], flags: int, until: int | None = None) -> Marked:
        """Make the flags and keywords exactly `flags`; return as `add_flags` does."""
        return await self._mark(mailbox_id, uids, flags, ALL_FLAGS, until)

    async def deleted(self, mailbox_id: int, before: int) -> Uids | None:
        """Return the messages with UIDs under `before` that carry DELETED, or None if the mailbox is gone."""
        rows = await self._database.read.submit(self._deleted, (mailbox_id, before))
        return Uids(rows[0][0], rows[0][1] or ()) if rows else None

    async def expunge(self, mailbox_id: int, uids: Sequence[int]) -> Uids:
        """Remove those of `uids` that carry DELETED; return them."""
        return await self._database.lazy.submit(self._expunge, (mailbox_id, uids)) if uids else Uids(0, ())

    async def quota(self, account_id: int) -> Quota:
        """Return what the account uses and may use, in octets."""
        rows = await self._database.read.submit(self._usage, (account_id,))
        used, limit, messages = rows[0] if rows else (0, None, 0)
        return Quota(used, limit or self._quota, messages)

    async def _note(self, mailbox_id: int) -> None:
        # A session may last for months: whoever looks is using the account, also without logging in again.
        today = datetime.now(UTC).date()
        if today != self._today:
            self._today = today
            self._seen.clear()
        self._seen.add(mailbox_id)
        await self._database.lazy.submit(self._saw, mailbox_id)

    async def _mark(self, mailbox_id: int, uids: Sequence[int], added: int, cleared: int, until: int | None) -> Marked:
        if not uids:
            return Marked(0, ())
        return await self._database.lazy.submit(self._mark_messages, (mailbox_id, uids, added, cleared, until))
