import pytest
from imap.session import MAX_BAD, Session
from imap.state import Conversation, CutOff, House, State
from imap.store import Flag, Snapshot
from imap.wire.framer import TooBig

from tests.fakes import MemoryDoorkeeper, MemoryStore


class Said:
    def __init__(self) -> None:
        self.text = b""

    def write(self, data: bytes) -> None:
        self.text += data

    async def drain(self) -> None:
        return

    def taken(self) -> bytes:
        text, self.text = self.text, b""
        return text


class Table:
    """A session at a table: what it says, and what it reports."""

    def __init__(self) -> None:
        self.store = MemoryStore()
        self.keeper = MemoryDoorkeeper(self.store)
        self.box = self.keeper.know("ann@here.test", "secret")
        self.said = Said()
        self.reports: list[tuple[str, BaseException]] = []
        self.talk = Conversation(self.store, self.keeper, self.said, House(), is_tls=True)
        self.session = Session(self.talk, lambda name, error: self.reports.append((name, error)))

    async def say(self, text: str) -> bytes:
        await self.session.handle(text.encode() + b"\r\n")
        return self.said.taken()


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

    async def late(account_id: int, name: str) -> Snapshot | None:
        taken = await snapshot(account_id, name)
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
    assert table.store.calls == []
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
