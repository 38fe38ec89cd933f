"""A mailbox that is opened by its last two messages: older ones are loaded when something names one, and only then."""

import pytest
from imap.commands import select
from imap.state import State
from imap.store import Flag, Older

from tests.unit.imap.table import Table

BODY = b"Subject: x\r\n\r\ntext\r\n"


@pytest.fixture
async def opened(table: Table, monkeypatch: pytest.MonkeyPatch) -> Table:
    """INBOX with the UIDs 1 to 6, of which 5 and 6 are loaded."""
    monkeypatch.setattr(select, "TAIL", 2)
    await table.open(*[BODY] * 6)
    await table.say("a NOOP")  # what may have come before a bell could be heard
    table.store.calls.clear()
    return table


async def test_a_mailbox_says_its_size_and_no_unseen(table: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(select, "TAIL", 2)
    await table.open(*[BODY] * 6)
    said = await table.say("a SELECT INBOX")
    assert b"* 6 EXISTS\r\n" in said
    assert b"UNSEEN" not in said
    monkeypatch.setattr(select, "TAIL", 6)
    assert b"[UNSEEN 1]" in await table.say("a SELECT INBOX")


NEWEST = [
    ("FETCH 5:* (UID)", b"* 5 FETCH (UID 5)\r\n* 6 FETCH (UID 6)\r\na OK Done\r\n"),
    ("UID FETCH 6:* (FLAGS)", b"* 6 FETCH (UID 6 FLAGS ())\r\na OK Done\r\n"),
    ("UID FETCH 7:* (FLAGS)", b"* 6 FETCH (UID 6 FLAGS ())\r\na OK Done\r\n"),
    ("UID STORE 5 +FLAGS (\\Seen)", b"* 5 FETCH (UID 5 FLAGS (\\Seen))\r\na OK Done\r\n"),
    ("EXPUNGE", b"a OK Done\r\n"),
    ("FETCH 7 (UID)", b"a BAD No such message number\r\n"),
    ("FETCH 1:7 (UID)", b"a BAD No such message number\r\n"),
    ("NOOP", b"a OK Done\r\n"),
]


@pytest.mark.parametrize(("command", "answer"), NEWEST, ids=[command for command, _ in NEWEST])
async def test_the_newest_are_at_hand(opened: Table, command: str, answer: bytes) -> None:
    assert await opened.say(f"a {command}") == answer
    assert "older" not in opened.store.calls


OLDER = [
    ("FETCH 1 (UID)", b"* 1 FETCH (UID 1)\r\na OK Done\r\n"),
    ("UID FETCH 4:5 (FLAGS)", b"* 4 FETCH (UID 4 FLAGS ())\r\n* 5 FETCH (UID 5 FLAGS ())\r\na OK Done\r\n"),
    ("STORE 2 +FLAGS (\\Seen)", b"* 2 FETCH (FLAGS (\\Seen))\r\na OK Done\r\n"),
    ("SEARCH UID 3", b"* SEARCH 3\r\na OK Done\r\n"),
    ("UID SORT (ARRIVAL) US-ASCII 1:2", b"* SORT 1 2\r\na OK Done\r\n"),
]


@pytest.mark.parametrize(("command", "answer"), OLDER, ids=[command for command, _ in OLDER])
async def test_older_ones_are_loaded_once(opened: Table, command: str, answer: bytes) -> None:
    assert await opened.say(f"a {command}") == answer
    assert (await opened.say(f"a {command}")).endswith(b"a OK Done\r\n")
    assert opened.store.calls.count("older") == 1


async def test_what_is_saved_can_be_named(opened: Table) -> None:
    await opened.say("a UID SEARCH RETURN (SAVE) 1:2")
    await opened.say("a STORE $ +FLAGS.SILENT (\\Deleted)")
    assert await opened.say("a UID EXPUNGE $") == b"* 2 EXPUNGE\r\n* 1 EXPUNGE\r\na OK Done\r\n"


async def test_older_ones_are_expunged_by_name(opened: Table) -> None:
    box = opened.box.mailbox_id
    await opened.store.add_flags(box, [1, 2, 6], Flag.DELETED)
    assert await opened.say("a UID EXPUNGE 6:*") == b"* 6 EXPUNGE\r\n* 1 FETCH (FLAGS (\\Deleted))\r\n" + (
        b"* 2 FETCH (FLAGS (\\Deleted))\r\na OK Done\r\n"
    )
    assert await opened.say("a EXPUNGE") == b"* 2 EXPUNGE\r\n* 1 EXPUNGE\r\na OK Done\r\n"
    assert len(opened.talk.mailbox) == 3


async def test_who_expunges_what_it_was_not_told_of(opened: Table) -> None:
    opened.store.deliver(opened.box.mailbox_id, BODY, Flag.DELETED)
    assert b"EXPUNGE\r\n" not in await opened.say("a EXPUNGE")
    assert await opened.say("a EXPUNGE") == b"* 7 EXPUNGE\r\na OK Done\r\n"


async def test_all_that_was_loaded_may_go(opened: Table) -> None:
    await opened.say("a STORE 5:6 +FLAGS.SILENT (\\Deleted)")
    assert await opened.say("a EXPUNGE") == b"* 6 EXPUNGE\r\n* 5 EXPUNGE\r\na OK Done\r\n"
    assert "older" not in opened.store.calls
    await opened.store.add_flags(opened.box.mailbox_id, [4], Flag.DELETED)
    assert await opened.say("a UID EXPUNGE *") == b"* 4 EXPUNGE\r\na OK Done\r\n"


async def test_news_of_older_ones_is_told(opened: Table) -> None:
    box = opened.box.mailbox_id
    await opened.store.add_flags(box, [1], Flag.SEEN)
    await opened.store.add_flags(box, [3], Flag.DELETED)
    await opened.store.expunge(box, [3])
    assert await opened.say("a NOOP") == b"* 3 EXPUNGE\r\n* 1 FETCH (FLAGS (\\Seen))\r\na OK Done\r\n"
    assert await opened.say("a FETCH 3 (UID)") == b"* 3 FETCH (UID 4)\r\na OK Done\r\n"


async def test_what_was_loaded_by_a_command_is_news_all_the_same(opened: Table) -> None:
    await opened.store.add_flags(opened.box.mailbox_id, [1], Flag.SEEN)
    await opened.say("a FETCH 2 (UID)")
    assert await opened.say("a NOOP") == b"* 1 FETCH (FLAGS (\\Seen))\r\na OK Done\r\n"
    assert await opened.say("a NOOP") == b"a OK Done\r\n"


async def test_news_waits_while_older_ones_cannot_be_loaded(opened: Table) -> None:
    await opened.store.add_flags(opened.box.mailbox_id, [1], Flag.SEEN)
    real = opened.store.older

    async def older(mailbox_id: int, before: int, since: int) -> Older | None:
        opened.store.is_away = True
        return await real(mailbox_id, before, since)

    opened.store.older = older  # type: ignore[method-assign]
    assert b"a NO [UNAVAILABLE]" in await opened.say("a NOOP")
    opened.store.is_away = False
    opened.store.older = real  # type: ignore[method-assign]
    assert await opened.say("a NOOP") == b"* 1 FETCH (FLAGS (\\Seen))\r\na OK Done\r\n"


@pytest.mark.parametrize("command", ["FETCH 1 (UID)", "NOOP"])
async def test_numbers_that_went_astray_end_the_session(opened: Table, command: str) -> None:
    await opened.store.add_flags(opened.box.mailbox_id, [2], Flag.SEEN)
    del opened.box.messages[1]  # and nothing says so
    said = await opened.say(f"a {command}")
    assert said == b"* BYE [UNAVAILABLE] Message numbers are lost, connect again\r\n"
    assert opened.talk.state is State.LEFT
    assert [name for name, _ in opened.reports] == ["imap_numbers"]


async def test_who_changes_a_mailbox_needs_no_look_and_lets_others_hear(opened: Table) -> None:
    heard: list[tuple[int, int]] = []
    opened.talk.touched = lambda mailbox_id, modseq: heard.append((mailbox_id, modseq))
    before = opened.box.modseq
    await opened.say("a STORE 5:6 +FLAGS (\\Deleted)")
    await opened.say("a UID FETCH 5 (BODY[])")
    await opened.say("a UID EXPUNGE 6")
    await opened.say("a STORE 5 +FLAGS (\\Deleted)")
    await opened.say("a CLOSE")
    assert [modseq - before for _, modseq in heard] == [1, 2, 3, 4, 5]
    assert {mailbox_id for mailbox_id, _ in heard} == {opened.box.mailbox_id}
    assert "changes" not in opened.store.calls


async def test_the_echo_of_ones_own_bell_is_no_news(opened: Table) -> None:
    await opened.say("a STORE 5 +FLAGS (\\Deleted)")
    opened.talk.heard = opened.box.modseq
    assert not opened.talk.is_stale
    await opened.store.add_flags(opened.box.mailbox_id, [6], Flag.SEEN)
    await opened.say("a STORE 5 -FLAGS (\\Deleted)")
    assert opened.talk.is_stale, "another's change came between"
    assert await opened.say("a NOOP") == b"* 6 FETCH (FLAGS (\\Seen))\r\na OK Done\r\n"


async def test_a_read_that_fails_half_way_leaves_its_flags_to_be_told(opened: Table) -> None:
    real = opened.store.fetch

    async def fetch(*_: object, **__: object) -> None:
        opened.store.is_away = True
        opened.store._called("fetch")

    opened.store.fetch = fetch  # type: ignore[method-assign,assignment]
    assert b"a NO [UNAVAILABLE]" in await opened.say("a FETCH 5 (BODY[])")
    opened.store.is_away, opened.store.fetch = False, real  # type: ignore[method-assign]
    assert await opened.say("a NOOP") == b"* 5 FETCH (FLAGS (\\Seen))\r\na OK Done\r\n"


async def test_over_a_crash_that_lost_a_change_no_number_is_guessed(opened: Table) -> None:
    """UID 2 comes back, UID 1 goes: as many as the client was told of, but others."""
    box, told = opened.box, b"Message numbers are lost, connect again"
    two = box.messages.pop(2)
    await opened.say("a SELECT INBOX")
    opened.store.life += 1
    del box.messages[1]
    box.messages = {2: two, **box.messages}
    assert await opened.say("a FETCH 5 (UID)") == b"* 5 FETCH (UID 6)\r\na OK Done\r\n", "what is loaded stands"
    assert await opened.say("a FETCH 1 (UID)") == b"* BYE [UNAVAILABLE] %b\r\n" % told
    assert not opened.reports, "the store may go away, and that is no mistake"


async def test_a_mailbox_that_has_gone_back_is_not_followed(opened: Table) -> None:
    """A crash has lost what this client was told; what happens under the same modseqs now it would never hear."""
    before = opened.box.modseq
    await opened.say("a STORE 6 +FLAGS (\\Seen)")
    await opened.say("a STORE 6 -FLAGS (\\Seen)")
    opened.box.modseq = before
    await opened.store.add_flags(opened.box.mailbox_id, [5], Flag.FLAGGED)
    assert await opened.say("a NOOP") == b"* BYE [UNAVAILABLE] Message numbers are lost, connect again\r\n"
    assert not opened.reports
