from typing import Any

import pytest
from imap.store import Flag
from imap.wire import append_head
from imap.wire.answer import Fault
from imap.wire.append_head import Head
from imap.wire.flag_list import Flags
from imap.wire.grammar import Scanner

NONE = Flags(0, ())
HEADS: list[Any] = [
    pytest.param(b" {5}\r\n", Head(NONE, None), id="literal"),
    pytest.param(b" {5+}\r\n", Head(NONE, None), id="unasked"),
    pytest.param(b" ~{5}\r\n", Head(NONE, None), id="literal8"),
    pytest.param(b' (\\Seen x) " 1-Jan-1970 00:01:00 +0000" {5}\r\n', Head(Flags(Flag.SEEN, ("x",)), 60), id="all"),
    pytest.param(b" UTF8 (~{5}\r\n", Head(NONE, None, b")"), id="utf8"),
    pytest.param(b" utf8 (~{5+}\r\n", Head(NONE, None, b")"), id="utf8-unasked"),
    pytest.param(b" (\\Seen) UTF8 (~{5}\r\n", Head(Flags(Flag.SEEN, ()), None, b")"), id="utf8-with-flags"),
]
BAD = [
    b"{5}\r\n",
    b" 5\r\n",
    b" UTF8 ({5}\r\n",
    b" UTF8 ~{5}\r\n",
    b" UTF8(~{5}\r\n",
    b" UTF8  (~{5}\r\n",
    b" (~{5}\r\n",
]
BAD += [b" UTF8 (~{5})\r\n", b" ~{5}\n", b" UTF9 (~{5}\r\n", b" {-5}\r\n", b" {}\r\n"]


@pytest.mark.parametrize(("line", "head"), HEADS)
def test_heads(line: bytes, head: Head) -> None:
    assert append_head.read(Scanner(line), is_utf8=True) == head


@pytest.mark.parametrize("line", BAD)
def test_heads_that_are_none(line: bytes) -> None:
    with pytest.raises(Fault) as caught:
        append_head.read(Scanner(line), is_utf8=True)
    assert caught.value.answer.word == "BAD"


def test_utf8_must_be_enabled() -> None:
    with pytest.raises(Fault, match="not enabled"):
        append_head.read(Scanner(b" UTF8 (~{5}\r\n"))
