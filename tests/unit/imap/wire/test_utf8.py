from typing import Any

import pytest
from imap.wire import utf7, utf8
from imap.wire.answer import Fault
from imap.wire.grammar import Scanner

NAMES = ["", "INBOX", "DeltaChat/Sub", "Entwürfe", "a&b", "&AOk-", "~peter/mail/台北/日本語", "😀", "x" * 1000]
BAD: list[Any] = [
    pytest.param(b"\xff", "BAD", id="no-utf-8"),
    pytest.param(b"\xc0\xaf", "BAD", id="overlong"),
    pytest.param(b"\xed\xa0\x80", "BAD", id="surrogate"),
    pytest.param(b"\xf4\x90\x80\x80", "BAD", id="beyond-unicode"),
    pytest.param(b"caf\xc3", "BAD", id="cut-off"),
    pytest.param(b"a\x00b", "NO", id="nul"),
    pytest.param(b"a\tb", "NO", id="tab"),
    pytest.param(b"a\x7f", "NO", id="delete"),
    pytest.param("a\x85".encode(), "NO", id="c1-control"),
    pytest.param("a\u2028b".encode(), "NO", id="line-separator"),
    pytest.param("a\u2029b".encode(), "NO", id="paragraph-separator"),
    pytest.param(b"x" * 1201, "NO", id="long"),
]


@pytest.mark.parametrize("name", NAMES)
def test_names(name: str) -> None:
    assert utf8.decode(name.encode()) == name


@pytest.mark.parametrize(("wire", "word"), BAD)
def test_names_that_are_none(wire: bytes, word: str) -> None:
    with pytest.raises(Fault) as caught:
        utf8.decode(wire)
    assert caught.value.answer.word == word


@pytest.mark.parametrize("name", ["inbox", "InBoX/Ünder"])
def test_inbox_in_any_case(name: str) -> None:
    assert utf8.decode(name.encode()) == utf7.decode(utf7.encode(name)) == "INBOX" + name[5:]


def test_what_is_quoted_must_be_utf8_once_that_is_enabled() -> None:
    assert Scanner(b'"\xff"').string() == b"\xff"
    assert Scanner('"é"'.encode(), is_utf8=True).string() == "é".encode()
    with pytest.raises(Fault) as caught:
        Scanner(b'"\xff"', is_utf8=True).string()
    assert caught.value.answer.word == "BAD"
