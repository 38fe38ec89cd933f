import re

import pytest
from imap.session import MAX_BAD
from imap.state import CutOff, State
from imap.store import Flag, Snapshot
from imap.wire.framer import TooBig

from tests.unit.imap.table import Table


@pytest.fixture
def table() -> Table:
    return Table()


@pytest.fixture
async def selected(table: Table) -> Table:
    await table.say("a LOGIN ann@here.test secret")
    await table.say("a SELECT INBOX")
    return table


async def test_our_mistakes_are_reported_and_told_without_a_word(selected: Table) -> None:
    mistake = KeyError("ann@here.test")

    async def quota(_account_id: int) -> None:
        raise mistake

    selected.store.quota = quota  # type: ignore[method-assign,assignment]
    assert await selected.say('a GETQUOTA ""') == b"a NO [SERVERBUG] Internal server problem\r\n"
    assert selected.reports == [("imap_command", mistake)]


async def test_a_look_that_fails_costs_no_command(selected: Table) -> None:
    async def changes(*_: int) -> None:
        raise KeyError

    selected.store.changes = changes  # type: ignore[method-assign,assignment]
    selected.talk.must_look = True
    assert await selected.say("a UID FETCH 1:* FLAGS") == b"a OK Done\r\n"
    assert [name for name, _ in selected.reports] == ["imap_look"]
    assert not selected.talk.is_stale


async def test_a_look_while_the_store_is_away_is_owed(selected: Table) -> None:
    selected.store.deliver(selected.box.mailbox_id, b"x")
    selected.talk.heard, selected.store.is_away = selected.box.modseq, True
    assert await selected.say("a UID FETCH 1:* FLAGS") == b"a OK Done\r\n"
    assert selected.talk.is_stale
    selected.store.is_away = False
    assert await selected.say("a UID FETCH 1:* FLAGS") == b"* 1 EXISTS\r\na OK Done\r\n"
    assert not selected.talk.is_stale


async def test_a_bell_answered_by_a_look_is_answered_for_good(selected: Table) -> None:
    selected.talk.heard = 1_000_000  # further than the store has come: a bell from another life
    await selected.say("a NOOP")
    assert not selected.talk.is_stale


@pytest.mark.parametrize("name", ["SELECT", "EXAMINE"])
async def test_who_cannot_open_a_mailbox_now_is_sent_away(selected: Table, name: str) -> None:
    selected.store.is_away = True
    said = await selected.say(f"a {name} INBOX")
    later = b"[UNAVAILABLE] Temporary server problem, try again later\r\n"
    assert said == b"a NO " + later + b"* BYE " + later
    assert selected.talk.state is State.LEFT


async def test_what_comes_while_a_mailbox_is_opened_is_told_after_the_answer(selected: Table) -> None:
    snapshot = selected.store.snapshot

    async def late(account_id: int, name: str, newest: int | None) -> Snapshot | None:
        taken = await snapshot(account_id, name, newest)
        selected.store.deliver(selected.box.mailbox_id, b"x")
        selected.talk.heard = selected.box.modseq
        return taken

    selected.store.snapshot = late  # type: ignore[method-assign]
    assert b"1 EXISTS" not in await selected.say("a SELECT INBOX")
    assert await selected.say("a IDLE") == b"+ idling\r\n* 1 EXISTS\r\n"


async def test_expunge_tells_also_what_another_session_was_faster_with(selected: Table) -> None:
    uid = selected.store.deliver(selected.box.mailbox_id, b"x", Flag.DELETED)
    await selected.say("a NOOP")
    await selected.store.expunge(selected.box.mailbox_id, [uid])
    assert await selected.say("a EXPUNGE") == b"* 1 EXPUNGE\r\na OK Done\r\n"


async def test_bad_commands_in_a_row_end_a_session(selected: Table) -> None:
    for _ in range(MAX_BAD - 1):
        await selected.say("a BOGUS")
    await selected.say("a NOOP")
    for _ in range(MAX_BAD - 1):
        assert await selected.say("a BOGUS") == b"a BAD Unknown command\r\n"
    assert await selected.say("a BOGUS") == b"a BAD Unknown command\r\n* BYE Too many bad commands\r\n"
    assert selected.talk.state is State.LEFT


async def test_what_is_too_big_is_answered_under_its_tag(selected: Table) -> None:
    selected.session.refuse(TooBig(b"a1 SELECT {400000}\r\n", is_fatal=False))
    assert selected.said.taken() == b"a1 BAD Command too long\r\n"
    selected.session.refuse(TooBig(b"(((", is_fatal=True))
    assert selected.said.taken() == b"* BAD Command too long\r\n* BYE [TOOBIG] Command too long\r\n"


async def test_an_expensive_search_is_refused_before_it_begins(table: Table) -> None:
    for _ in range(500):
        table.store.deliver(table.box.mailbox_id, b"Subject: x\r\n\r\n")
    await table.say("a LOGIN ann@here.test secret")
    await table.say("a SELECT INBOX")
    table.store.calls.clear()
    keys = " ".join(["SUBJECT x"] * 100)
    assert await table.say(f"a SEARCH {keys}") == b"a NO [LIMIT] Too much to search through\r\n"
    assert table.store.calls == ["older"]  # and no message was fetched
    answer = await table.say("a UID SEARCH SUBJECT x LARGER 1")
    assert answer.split(b"\r\n")[0].count(b" ") == 501


async def test_what_the_view_knows_is_not_asked_of_the_store(selected: Table) -> None:
    selected.store.deliver(selected.box.mailbox_id, b"x")
    await selected.say("a NOOP")
    selected.store.calls.clear()
    assert b"FLAGS ()" in await selected.say("a UID FETCH 1:* (UID FLAGS)")
    assert selected.store.calls == []


async def test_cut_off_is_nobodys_answer(selected: Table) -> None:
    async def fetch(*_: object, **__: object) -> None:
        raise CutOff

    selected.store.deliver(selected.box.mailbox_id, b"x")
    await selected.say("a NOOP")
    selected.store.fetch = fetch  # type: ignore[method-assign,assignment]
    with pytest.raises(CutOff):
        await selected.say("a UID FETCH 1 RFC822.SIZE")
    assert selected.said.taken() == b""


async def test_starttls_needs_a_door_that_offers_it(table: Table) -> None:
    table.talk.is_tls = False
    assert await table.say("a STARTTLS") == b"a BAD TLS is not offered here\r\n"
    table.talk.may_start_tls = True
    assert await table.say("a STARTTLS") == b"a OK Begin TLS\r\n"
    assert table.talk.starts_tls


LARGE = b"a:\r\n" * 40_000 + b"\r\n"  # a header as expensive as one may be


def fill(table: Table, count: int, body: bytes = b"x", flags: int = 0) -> None:
    for _ in range(count):
        table.store.deliver(table.box.mailbox_id, body, flags)


async def drains(table: Table, text: str) -> int:
    before = table.said.drains
    await table.say(text)
    return table.said.drains - before


async def test_large_headers_are_searched_message_by_message(selected: Table) -> None:
    fill(selected, 10, LARGE)
    await selected.say("a NOOP")
    assert await drains(selected, "a SEARCH SUBJECT x") >= 10 // 2
    assert await selected.say('a SEARCH HEADER a ""') == b"* SEARCH 1 2 3 4 5 6 7 8 9 10\r\na OK Done\r\n"


@pytest.mark.parametrize(("count", "keys"), [(100, 1), (1, 200)], ids=["many-messages", "many-keys"])
async def test_a_search_through_large_headers_is_given_up(selected: Table, count: int, keys: int) -> None:
    fill(selected, count, LARGE)
    await selected.say("a NOOP")
    selected.store.calls.clear()
    said = await selected.say("a SEARCH" + " SUBJECT x" * keys)
    assert said == b"a NO [LIMIT] Too much to search through\r\n"
    assert selected.store.calls.count("fetch") <= 5


async def test_others_have_a_turn_between_large_envelopes(selected: Table) -> None:
    fill(selected, 16, b"To: " + b"a@b.test," * 7000 + b"\r\n\r\n")
    await selected.say("a NOOP")
    assert await drains(selected, "a FETCH 1:* ENVELOPE") >= 16 // 2
    selected.store.calls.clear()
    await selected.say("a FETCH 1:* ENVELOPE")
    assert selected.store.calls == ["fetch"]


async def test_others_have_a_turn_between_picks_from_a_large_header(selected: Table) -> None:
    fill(selected, 1, LARGE)
    await selected.say("a NOOP")
    items = " ".join(f"BODY.PEEK[HEADER.FIELDS (X{number})]" for number in range(30))
    assert await drains(selected, f"a FETCH 1 ({items})") >= 30


@pytest.mark.parametrize("command", ["EXPUNGE", "UID EXPUNGE 1:*", "CLOSE"])
async def test_a_whole_mailbox_is_removed_in_steps(selected: Table, command: str) -> None:
    fill(selected, 1200, flags=Flag.DELETED)
    await selected.say("a NOOP")
    selected.store.calls.clear()
    said = await selected.say(f"a {command}")
    assert selected.store.calls == ["deleted", "expunge", "expunge", "expunge"]
    assert not selected.box.messages
    left = list(range(1, 1201))
    for number in re.findall(rb"\* (\d+) EXPUNGE", said):
        del left[int(number) - 1]
    assert not left or command == "CLOSE"
    assert said.endswith(b"a OK Done\r\n")


@pytest.mark.parametrize("command", ["EXPUNGE", "CLOSE"])
async def test_a_store_that_goes_away_half_way_leaves_the_numbers_right(selected: Table, command: str) -> None:
    fill(selected, 600, flags=Flag.DELETED)
    await selected.say("a NOOP")
    real, calls = selected.store.expunge, 0

    async def expunge(mailbox_id: int, uids: list[int]) -> object:
        nonlocal calls
        calls += 1
        selected.store.is_away = calls == 2
        return await real(mailbox_id, uids)

    selected.store.expunge = expunge  # type: ignore[method-assign,assignment]
    said = await selected.say(f"a {command}")
    assert said.endswith(b"a NO [UNAVAILABLE] Temporary server problem, try again later\r\n")
    selected.store.is_away = False
    said += await selected.say("a NOOP")
    assert said.count(b"EXPUNGE\r\n") == 500
    assert len(selected.talk.mailbox) == len(selected.box.messages) == 100


async def test_much_news_is_told_in_steps(selected: Table) -> None:
    fill(selected, 5000, flags=Flag.DELETED)
    await selected.say("a NOOP")
    await selected.store.expunge(selected.box.mailbox_id, list(selected.box.messages))
    assert await drains(selected, "a NOOP") >= 5


async def test_who_listens_no_longer_need_not_be_told(selected: Table) -> None:
    fill(selected, 2000)

    async def drain() -> None:
        raise CutOff

    await selected.say("a NOOP")
    await selected.store.add_flags(selected.box.mailbox_id, list(selected.box.messages), Flag.SEEN)
    selected.talk.must_look, selected.said.drain = True, drain  # type: ignore[method-assign]
    with pytest.raises(CutOff):
        await selected.session.look()
    assert selected.reports == []


async def test_an_account_with_too_many_sessions_is_told_so(table: Table) -> None:
    table.talk.admit = lambda _account_id: False
    refused = b"a NO [LIMIT] Too many connections of this account\r\n"
    assert await table.say("a LOGIN ann@here.test secret") == refused
    assert (table.talk.account, table.talk.state) == (None, State.STRANGER)
    await table.say("a LOGIN ann@here.test secret")
    assert await table.say("a LOGIN ann@here.test secret") == refused + b"* BYE Too many failed logins\r\n"


async def test_a_check_tells_nothing_but_the_end(selected: Table) -> None:
    fill(selected, 1)
    selected.talk.must_look = True
    await selected.session.check()
    assert (selected.said.taken(), selected.talk.is_stale) == (b"", True)
    selected.store.is_away = True
    await selected.session.check()
    selected.store.is_away = False
    selected.store.drop(selected.box.mailbox_id)
    await selected.session.check()
    assert selected.said.taken() == b"* BYE Mailbox is gone\r\n"
