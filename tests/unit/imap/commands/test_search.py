"""SEARCH, SORT and THREAD in messages that are large, many, or gone."""

import base64

import pytest
from imap.commands import matching
from imap.store import Unavailable

from tests.unit.imap.table import Table


def mail(subject: str, text: str, kind: str = "text/plain; charset=utf-8", code: str = "8bit") -> bytes:
    head = f"Subject: {subject}\r\nContent-Type: {kind}\r\nContent-Transfer-Encoding: {code}\r\n\r\n"
    return (head + text).encode()


LARGE = mail(
    "large", base64.encodebytes(b"grain " * 50_000 + "Nädel".encode()).decode().replace("\n", "\r\n"), code="base64"
)
WORDS = [
    ("BODY needle", b"2"),
    ("TEXT NEEDLE", b"2 3"),
    ("BODY nÄdel", b"1"),
    ("TEXT large", b"1"),
    ("BODY large", b""),
    ('BODY ""', b"1 2 3 4"),
    ("NOT BODY needle", b"1 3 4"),
    ("OR BODY needle BODY nädel", b"1 2"),
    ("OR BODY needle SUBJECT needle", b"2 3"),
    ("BODY needle SUBJECT haystack", b"2"),
    ("BODY inner", b"4"),
    ("BODY inside", b"4"),
    ("BODY picture", b""),
]
NESTED = mail("outer", "Subject: =?utf-8?q?inner?=\r\n\r\ninside", "message/rfc822")


async def numbers(table: Table, text: str) -> bytes:
    said = await table.say(f"a SEARCH {text}")
    assert said.endswith(b"\r\na OK Done\r\n")
    return said.split(b"\r\n")[0].removeprefix(b"* SEARCH").strip()


@pytest.mark.parametrize(("text", "found"), WORDS, ids=[text for text, _ in WORDS])
async def test_texts(table: Table, text: str, found: bytes) -> None:
    picture = mail("needle", "picture", "image/png")
    await table.open(LARGE, mail("haystack", "a Needle"), picture, NESTED)
    assert await numbers(table, f"CHARSET UTF-8 {_literals(text)}") == found


def _literals(text: str) -> str:
    words = []
    for word in text.split():
        words.append(word if word.isascii() else f"{{{len(word.encode())}+}}\r\n{word}")
    return " ".join(words)


async def test_only_what_may_match_is_read(table: Table) -> None:
    await table.open(*[LARGE] * 5)
    table.store.calls.clear()
    assert await numbers(table, "TEXT grain 3") == b"3"
    assert table.store.calls.count("fetch") == 1
    table.store.calls.clear()
    assert await numbers(table, "TEXT grain SEEN") == b""
    assert table.store.calls == []


async def test_i6_texts_are_sought_within_bounds(table: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(matching, "MAX_WORK", 10_000)
    await table.open(*[LARGE] * 5)
    table.store.calls.clear()
    assert await table.say("a SEARCH BODY x") == b"a NO [LIMIT] Too much to search through\r\n"
    assert table.store.calls.count("read") <= 2 * 4  # two of the five messages, structure and text
    assert await numbers(table, "SUBJECT large") == b"1 2 3 4 5"


async def test_others_have_a_turn_while_texts_are_sought(table: Table) -> None:
    await table.open(*[LARGE] * 5)
    before = table.said.drains
    await numbers(table, "BODY x")
    assert table.said.drains - before >= 10


async def test_a_message_that_vanishes_is_not_found(table: Table) -> None:
    await table.open(LARGE, mail("x", "grain"))

    async def read(*_: object) -> bytes:
        return b""

    table.store.read = read  # type: ignore[method-assign]
    assert await numbers(table, "BODY grain") == b"2"


async def test_a_search_that_fails_saves_nothing(table: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    await table.open(mail("a", "x"), mail("b", "x"))
    assert await table.say("a SEARCH RETURN (SAVE) SUBJECT a") == b"a OK Done\r\n"
    assert (await table.say("a FETCH $ UID")).startswith(b"* 1 FETCH")
    assert (await table.say("a SEARCH RETURN (SAVE) BOGUS")).startswith(b"a BAD")
    assert await numbers(table, "$") == b"1"

    async def fetch(*_: object, **__: object) -> None:
        raise Unavailable

    with monkeypatch.context() as patch:
        patch.setattr(table.store, "fetch", fetch)
        assert (await table.say("a SEARCH RETURN (SAVE) SUBJECT a")).startswith(b"a NO")
    assert await numbers(table, "$") == b""


async def test_what_is_saved_does_not_outlive_the_mailbox(table: Table) -> None:
    await table.open(mail("a", "x"))
    await table.say("a SEARCH RETURN (SAVE) ALL")
    await table.say("a SELECT INBOX")
    assert await table.say("a FETCH $ UID") == b"a OK Done\r\n"


async def test_what_is_saved_forgets_what_is_gone(table: Table) -> None:
    await table.open(mail("a", "x"), mail("b", "x"))
    await table.say("a SEARCH RETURN (SAVE) ALL")
    await table.say("a STORE 1 +FLAGS.SILENT (\\Deleted)")
    await table.say("a EXPUNGE")
    assert (await table.say("a UID FETCH $ FLAGS")).startswith(b"* 1 FETCH (UID 2 FLAGS ())\r\na OK")


async def test_time_comes_from_outside(table: Table) -> None:
    await table.open(mail("a", "x"))
    arrived = table.box.messages[1].message.arrived
    table.talk.now = lambda: arrived + 50.5
    assert await numbers(table, "OLDER 50") == b"1"
    assert await numbers(table, "YOUNGER 50") == b"1"
    assert await numbers(table, "OLDER 51") == b""
    assert await numbers(table, "YOUNGER 49") == b""


@pytest.mark.parametrize("command", ["SORT (SUBJECT FROM DATE) UTF-8 ALL", "THREAD REFERENCES UTF-8 ALL"])
async def test_sorting_and_threading_are_bounded(table: Table, command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    await table.open(*[mail("a", "x")] * 50)
    monkeypatch.setattr(matching, "MAX_WORK", 5000)
    table.store.calls.clear()
    assert await table.say(f"a {command}") == b"a NO [LIMIT] Too much to search through\r\n"
    assert table.store.calls == []
