"""An account's mailboxes as wholes, and what moves between them: `imap.store.Folders`, fulfilled without importing it.

Strategy: each wish is one call of a function, which is one transaction, and durable when it returns. What would take
long is asked for in steps, so that nobody waits long behind it: removing a mailbox here, moving mail by the caller.
"""

from collections.abc import Sequence
from typing import Any

import psycopg

from shared.mail.mailbox import Arranged, Folder, NotPut, Put
from shared.storage.database import Database
from shared.storage.lane import Connection
from shared.storage.operation import Light

MAX_MAILBOXES = 1000  # of an account
MAX_SUBSCRIPTIONS = 2000  # of an account: more than mailboxes, since names may outlive them
REMOVED_A_STEP = 1000  # messages

FOLDERS = b"""
SELECT q.ix, f.* FROM unnest(%b::bigint[]) WITH ORDINALITY q(account_id, ix) CROSS JOIN LATERAL (
    SELECT coalesce(b.name, s.name), b.id, b.special_use, s.name IS NOT NULL
    FROM (SELECT m.id, m.name, m.special_use FROM chatmail.mailbox m WHERE m.account_id = q.account_id) b
    FULL JOIN (SELECT u.name FROM chatmail.subscription u WHERE u.account_id = q.account_id) s ON s.name = b.name) f
"""
CREATE = b"SELECT outcome, mailbox_id FROM chatmail.create_mailbox(%b, %b, %b, %b)"
DELETE = b"SELECT outcome, mailbox_id FROM chatmail.delete_mailbox(%b, %b, %b)"
RENAME = b"SELECT outcome, mailboxes FROM chatmail.rename_mailbox(%b, %b, %b, %b, %b, %b)"
SUBSCRIBE = b"SELECT chatmail.subscribe(%b, %b, %b)"
UNSUBSCRIBE = b"SELECT chatmail.unsubscribe(%b, %b)"
ADD_KEYWORDS = b"SELECT chatmail.add_keywords(%b, %b::text[])"
COPY = b"""
SELECT outcome, target, uidvalidity, modseq, first_uid, copied, source_modseq
FROM chatmail.copy_messages(%b, %b::bigint[], %b, %b, %b)
"""
FULL = "CM001"


class _Call(Light):
    """One call of a function; its row as the answer."""

    limit = 1

    def __init__(self, statement: bytes) -> None:
        self._statement = statement

    async def run(self, connection: Connection, items: Sequence[Sequence[Any]]) -> list[tuple[Any, ...]]:
        row = next(iter(await connection.execute(self._statement, items[0], binary=True)), None)
        assert row is not None
        return [row]


class _Put(_Call):
    async def run(self, connection: Connection, items: Sequence[Sequence[Any]]) -> list[tuple[Any, ...]]:
        try:
            return await super().run(connection, items)
        except psycopg.Error as error:
            if error.sqlstate == FULL:
                return [(NotPut.FULL.value,)]
            raise


class _List(Light):
    limit = 32

    async def run(self, connection: Connection, items: Sequence[int]) -> list[list[Folder]]:
        found: list[list[Folder]] = [[] for _ in items]
        rows = await connection.execute(FOLDERS, (list(items),), binary=True)
        for index, name, mailbox_id, special_use, is_subscribed in rows:
            folder = Folder(name, mailbox_id, special_use or "", is_subscribed or name == "INBOX")
            found[index - 1].append(folder)
        return found


class Folders:
    """An account's mailboxes. Every method raises `shared.storage.errors.Unavailable` while Postgres is away."""

    def __init__(self, database: Database, quota: int) -> None:
        self._durable, self._read, self._lazy = database.durable, database.read, database.lazy
        self._default_quota = quota
        self._list, self._copy = _List(), _Put(COPY)
        self._create, self._delete, self._rename = _Call(CREATE), _Call(DELETE), _Call(RENAME)
        self._subscribe, self._unsubscribe = _Call(SUBSCRIBE), _Call(UNSUBSCRIBE)
        self._add_keywords = _Call(ADD_KEYWORDS)

    async def folders(self, account_id: int) -> Sequence[Folder]:
        """Return the account's mailboxes and the names it subscribes to, INBOX first and the others in order."""
        found = await self._read.submit(self._list, account_id)
        return sorted(found, key=lambda folder: (folder.name != "INBOX", folder.name))

    async def create(self, account_id: int, name: str, special_use: str = "") -> tuple[Arranged, int]:
        """Make a mailbox and the names above it; return its id as well, 0 if it was not made."""
        item = (account_id, name, special_use or None, MAX_MAILBOXES)
        outcome, mailbox_id = await self._durable.submit(self._create, item)
        return Arranged(outcome), mailbox_id or 0

    async def delete(self, account_id: int, name: str) -> tuple[Arranged, int]:
        """Remove a mailbox and its messages, not those below it; return what its id was."""
        while True:
            outcome, mailbox_id = await self._durable.submit(self._delete, (account_id, name, REMOVED_A_STEP))
            if outcome != "more":
                return Arranged(outcome), mailbox_id or 0

    async def rename(self, account_id: int, old: str, new: str, longest: int, deepest: int) -> Arranged:
        """Rename a mailbox with those below it; `longest` is a limit in octets of UTF-8, `deepest` in levels."""
        item = (account_id, old, new, MAX_MAILBOXES, longest, deepest)
        outcome, _ = await self._durable.submit(self._rename, item)
        return Arranged(outcome)

    async def subscribe(self, account_id: int, name: str) -> Arranged:
        """Add a mailbox to the subscribed names."""
        return Arranged((await self._durable.submit(self._subscribe, (account_id, name, MAX_SUBSCRIPTIONS)))[0])

    async def unsubscribe(self, account_id: int, name: str) -> Arranged:
        """Take a name from the subscribed ones, whether or not there is such a mailbox."""
        return Arranged((await self._durable.submit(self._unsubscribe, (account_id, name)))[0])

    async def add_keywords(self, mailbox_id: int, names: Sequence[str]) -> Sequence[str] | None:
        """Let a mailbox know keywords, while there is room; return all it knows, None if it is gone."""
        found: Sequence[str] | None = (await self._lazy.submit(self._add_keywords, (mailbox_id, list(names))))[0]
        return found

    async def copy(self, mailbox_id: int, uids: Sequence[int], name: str) -> Put | NotPut:
        """Copy those of `uids` that exist to the account's mailbox `name`: all or none."""
        return await self._put(mailbox_id, uids, name, is_move=False)

    async def move(self, mailbox_id: int, uids: Sequence[int], name: str) -> Put | NotPut:
        """Move those of `uids` that exist to the account's mailbox `name`: all or none."""
        return await self._put(mailbox_id, uids, name, is_move=True)

    async def _put(self, mailbox_id: int, uids: Sequence[int], name: str, *, is_move: bool) -> Put | NotPut:
        item = (mailbox_id, list(uids), name, self._default_quota, is_move)
        outcome, *rest = await self._durable.submit(self._copy, item)
        if outcome != "done":
            return NotPut(outcome)
        target, uidvalidity, modseq, first_uid, copied, source_modseq = rest
        return Put(target, uidvalidity, modseq, first_uid, copied, source_modseq or 0)
