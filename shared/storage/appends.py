"""Storing what clients append: one call for all messages of a command, beside the lane where they are large."""

from collections.abc import Sequence
from typing import Any

import psycopg

from shared.mail.mailbox import Letter, NotPut, Put
from shared.storage import aside
from shared.storage.aside import LARGE, Aside
from shared.storage.folders import FULL
from shared.storage.lane import Connection, Lane
from shared.storage.operation import Light

APPEND = b"""
SELECT outcome, target, uidvalidity, modseq, first_uid
FROM chatmail.append_messages(
    %b::bigint, %b, %b::bytea[], %b::int[], %b::smallint[], %b::text[], %b::float8[], %b::bigint)
"""

_Item = tuple[int, str, Sequence[Letter]]


class _Append(Light):
    limit = 1

    def __init__(self, quota: int) -> None:
        self._quota = quota

    def weight(self, item: _Item, /) -> int:
        return sum(len(letter.body) for letter in item[2])

    async def run(self, connection: Connection, items: Sequence[_Item]) -> list[Put | NotPut]:
        try:
            rows = await connection.execute(APPEND, self.parameters(items[0]), binary=True)
        except psycopg.Error as error:
            return [_refusal(error)]
        return [_answer(rows[0] if rows else None)]

    def aside(self, connection: aside.Connection, item: _Item) -> Put | NotPut:
        try:
            return _answer(connection.execute(APPEND, self.parameters(item), binary=True).fetchone())
        except psycopg.Error as error:
            return _refusal(error)

    def parameters(self, item: _Item) -> tuple[Any, ...]:
        account_id, name, letters = item
        return (
            account_id,
            name,
            [letter.body for letter in letters],
            [letter.header_size for letter in letters],
            [letter.flags for letter in letters],
            [" ".join(letter.keywords) for letter in letters],
            [None if letter.dated is None else float(letter.dated) for letter in letters],
            self._quota,
        )


def _refusal(error: psycopg.Error) -> NotPut:
    if error.sqlstate == FULL:
        return NotPut.FULL
    raise error


def _answer(row: tuple[Any, ...] | None) -> Put | NotPut:
    assert row is not None
    outcome, mailbox_id, uidvalidity, modseq, first_uid = row
    return Put(mailbox_id, uidvalidity, modseq, first_uid) if outcome == "done" else NotPut(outcome)


class Appends:
    """Puts messages into mailboxes, in the role of imap."""

    def __init__(self, lane: Lane, url: str, quota: int) -> None:
        self._lane = lane
        self._append = _Append(quota)
        self._aside = Aside(lane, url)

    async def store(self, account_id: int, name: str, letters: Sequence[Letter]) -> Put | NotPut:
        """Put all of them into the account's mailbox, or none; durable on return. Raise Unavailable or NoSpace."""
        item = (account_id, name, letters)
        if self._append.weight(item) <= LARGE:
            return await self._lane.submit(self._append, item)
        return await self._aside.run(lambda connection: self._append.aside(connection, item))

    def close(self) -> None:
        self._aside.close()
