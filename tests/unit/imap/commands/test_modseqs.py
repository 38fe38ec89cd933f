"""Mod-sequences where a dialogue would be too long, or somebody goes away (RFC 7162)."""

from collections.abc import Sequence

import pytest
from imap.commands import resync
from imap.state import House
from imap.store import Flag, Marked, Uids
from imap.view import View

from tests.unit.imap.table import Table

BODY = b"Subject: x\r\n\r\ntext\r\n"


@pytest.fixture
def table() -> Table:
    table = Table()
    table.talk.house = House(has_modseqs=True)
    return table


async def test_an_expunge_that_is_done_is_ok_though_nothing_more_can_be_told(table: Table) -> None:
    await table.open(BODY, BODY)
    await table.say("a ENABLE QRESYNC")
    await table.say(r"a STORE 1 +FLAGS (\Deleted)")
    real = table.store.expunge

    async def expunge(mailbox_id: int, uids: Sequence[int]) -> Uids:
        gone = await real(mailbox_id, uids)
        table.talk.must_look = table.store.is_away = True
        return gone

    table.store.expunge = expunge  # type: ignore[method-assign]
    assert await table.say("a EXPUNGE") == b"* VANISHED 1\r\na OK Done\r\n"


async def test_many_that_have_changed_are_named_as_ranges(table: Table) -> None:
    await table.open(*[BODY] * 2500)
    await table.store.add_flags(table.box.mailbox_id, range(3, 2501), Flag.SEEN)
    said = await table.say(r"a STORE 1:* (UNCHANGEDSINCE 2501) +FLAGS.SILENT (\Flagged)")
    assert said.endswith(b"a OK [MODIFIED 3:2500] Some messages have changed\r\n")
    assert said.count(b" FETCH (UID ") == 2500
    assert said.count(rb"FLAGS (\Seen)") == 2498
    assert said.splitlines()[-2].startswith(b"* OK [HIGHESTMODSEQ 2501]"), "the others' change was not followed"


async def test_what_changed_is_looked_through_in_turns(table: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resync, "A_TURN", 100)
    await table.open(*[BODY] * 1000)
    before = table.said.drains
    said = await table.say("a UID FETCH 1:* (FLAGS) (CHANGEDSINCE 501)")
    assert said.count(b" FETCH (UID ") == 500
    assert table.said.drains >= before + 4


async def test_only_so_many_pairs_are_looked_at(table: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    await table.open(*[BODY] * 1200)
    asked: list[int] = []
    monkeypatch.setattr(View, "number", lambda _view, uid: asked.append(uid))
    await table.say("a ENABLE QRESYNC")
    said = await table.say("a SELECT INBOX (QRESYNC (1234567 5000 (1:4294967295 1:4294967295)))")
    assert said.endswith(b"a OK [READ-WRITE] Done\r\n")
    assert asked == list(range(1200, 200, -1))


async def test_two_stores_in_one_session_ascend(table: Table) -> None:
    await table.open(BODY)
    first = await table.store.add_flags(table.box.mailbox_id, [1], Flag.SEEN)
    second = await table.store.remove_flags(table.box.mailbox_id, [1], Flag.SEEN)
    assert isinstance(first, Marked)
    assert first.modseq < second.modseq
