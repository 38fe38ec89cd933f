"""FETCH of what is inside messages, small and large."""

import base64
import tracemalloc

import pytest
from imap.commands import structures
from imap.commands.octets import SLICE
from imap.state import CutOff
from imap.store import Unavailable

from tests.unit.imap.table import Table

HEAD = b"Subject: large\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\n"
ATTACHED = b"\r\n--b\r\nContent-Type: application/zip\r\nContent-Transfer-Encoding: base64\r\n\r\n"
ZIP = bytes(range(256)) * 4000
CODE = base64.encodebytes(ZIP).replace(b"\n", b"\r\n")
LARGE = HEAD + b"words" + ATTACHED + CODE + b"--b--\r\n"
SMALL = HEAD + b"words" + ATTACHED + b"AAEC\r\n--b--\r\n"
STRUCTURE = (
    b'BODYSTRUCTURE (("text" "plain" ("charset" "us-ascii") NIL NIL "7bit" 5 0 NIL NIL NIL NIL)'
    b'("application" "zip" NIL NIL NIL "base64" %d NIL NIL NIL NIL) "mixed" ("boundary" "b") NIL NIL NIL)'
)


async def fetch(table: Table, items: str) -> bytes:
    said = await table.say(f"a UID FETCH 1 ({items})")
    assert said.startswith(b"* 1 FETCH (UID 1 ")
    assert said.endswith(b")\r\na OK Done\r\n")
    return said[len("* 1 FETCH (UID 1 ") : -len(")\r\na OK Done\r\n")]


@pytest.mark.parametrize("is_large", [False, True])
async def test_what_is_inside(table: Table, is_large: bool) -> None:
    await table.open(LARGE if is_large else SMALL)
    code, plain = (CODE, ZIP) if is_large else (b"AAEC\r\n", b"\0\1\2")
    inside = code[:-2]  # the last line end is the delimiter's
    assert await fetch(table, "BODYSTRUCTURE") == STRUCTURE % len(inside)
    assert await fetch(table, "BODY.PEEK[1]") == b"BODY[1] {5}\r\nwords"
    assert await fetch(table, "BODY.PEEK[2]") == b"BODY[2] {%d}\r\n%b" % (len(inside), inside)
    assert await fetch(table, "BODY.PEEK[2]<2.2>") == b"BODY[2]<2> {2}\r\n%b" % inside[2:4]
    assert await fetch(table, "BODY.PEEK[2]<4000000000.2>") == b"BODY[2]<4000000000> {0}\r\n"
    assert await fetch(table, "BINARY.SIZE[2]") == b"BINARY.SIZE[2] %d" % len(plain)
    assert await fetch(table, "BINARY.PEEK[2]") == b"BINARY[2] ~{%d}\r\n%b" % (len(plain), plain)
    assert await fetch(table, "BINARY.PEEK[2]<1.2>") == b"BINARY[2]<1> ~{2}\r\n%b" % plain[1:3]
    assert await fetch(table, "PREVIEW") == b'PREVIEW "words"'


async def test_a_part_from_the_middle_of_what_is_decoded(table: Table) -> None:
    await table.open(LARGE)
    at = len(ZIP) - 300
    assert await fetch(table, f"BINARY.PEEK[2]<{at}.999>") == b"BINARY[2]<%d> ~{300}\r\n%b" % (at, ZIP[at:])


async def test_a_structure_is_found_once(table: Table) -> None:
    await table.open(LARGE)
    await fetch(table, "BODYSTRUCTURE")
    table.store.calls.clear()
    await fetch(table, "BODY.PEEK[1]")
    assert table.store.calls == ["fetch", "read"]


async def test_few_structures_are_remembered(table: Table) -> None:
    await table.open(*[SMALL] * 40)
    await table.say("a FETCH 1:* BODYSTRUCTURE")
    assert len(structures._last) <= structures.REMEMBERED


async def test_another_mailbox_has_other_structures() -> None:
    one, two = Table(), Table()
    await one.open(SMALL)
    await two.open(b"Content-Type: text/html\r\n\r\nx")
    assert b"multipart" not in await one.say("a FETCH 1 BODY")
    assert await two.say("a FETCH 1 BODY") == (
        b'* 1 FETCH (BODY ("text" "html" ("charset" "us-ascii") NIL NIL "7bit" 1 0))\r\na OK Done\r\n'
    )


async def test_a_large_message_is_never_held_whole(table: Table) -> None:
    await table.open(HEAD + b"x" * 78 + b"\r\n" + (b"y" * 78 + b"\r\n") * 100_000)
    table.said.write = lambda data: None  # type: ignore[method-assign]
    tracemalloc.start()
    await table.say("a FETCH 1 (BODYSTRUCTURE BODY.PEEK[1] BINARY.PEEK[1] PREVIEW)")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 * SLICE


async def test_an_unknown_encoding_is_refused_before_a_word_is_said(table: Table) -> None:
    await table.open(b"Content-Transfer-Encoding: x-own\r\n\r\nx")
    assert await table.say("a FETCH 1 (FLAGS BINARY.PEEK[1])") == (
        b"a NO [UNKNOWN-CTE] Unknown content transfer encoding\r\n"
    )
    assert await table.say("a FETCH 1 BINARY.PEEK[]") == (
        b"* 1 FETCH (BINARY[] {37}\r\nContent-Transfer-Encoding: x-own\r\n\r\nx)\r\na OK Done\r\n"
    )


async def test_a_store_that_goes_away_before_a_word_is_said(table: Table) -> None:
    await table.open(LARGE)

    async def read(*_: object) -> bytes:
        raise Unavailable

    table.store.read = read  # type: ignore[method-assign]
    said = await table.say("a FETCH 1 BODYSTRUCTURE")
    assert said == b"a NO [UNAVAILABLE] Temporary server problem, try again later\r\n"


async def test_a_store_that_goes_away_half_way_ends_the_connection(table: Table) -> None:
    await table.open(LARGE)
    await table.say("a FETCH 1 BODYSTRUCTURE")

    async def read(*_: object) -> bytes:
        raise Unavailable

    table.store.read = read  # type: ignore[method-assign]
    with pytest.raises(CutOff):
        await table.say("a FETCH 1 BODY.PEEK[2]")


async def test_a_message_that_vanishes_is_left_out(table: Table) -> None:
    await table.open(LARGE, SMALL)

    async def read(*_: object) -> bytes:
        return b""

    table.store.read = read  # type: ignore[method-assign]
    said = await table.say("a FETCH 1:2 BODY.PEEK[1]")
    assert said == b"* 2 FETCH (BODY[1] {5}\r\nwords)\r\na OK [EXPUNGEISSUED] Some messages are gone\r\n"


async def test_others_have_a_turn_while_a_structure_is_found(table: Table) -> None:
    await table.open(HEAD + b"--x\r\n" * 200_000)
    before = table.said.drains
    await table.say("a FETCH 1 BODYSTRUCTURE")
    assert table.said.drains - before >= 100
