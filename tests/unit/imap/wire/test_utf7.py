import pytest
from imap.commands import naming
from imap.wire import utf7
from imap.wire.answer import Fault

NAMES = [
    ("INBOX", b"INBOX"),
    ("DeltaChat/Sub", b"DeltaChat/Sub"),
    ("Entwürfe", b"Entw&APw-rfe"),
    ("a&b", b"a&-b"),
    ("~peter/mail/台北/日本語", b"~peter/mail/&U,BTFw-/&ZeVnLIqe-"),
    ("😀", b"&2D3eAA-"),
    ("", b""),
]
BAD = [b"&", b"&AAA", b"&Jjo!", b"&AGEAYg-", b"&2AA-", b"&U,BTFw-&ZeVnLIqe-", b"a\xffb", b"x" * 1201, b"&AA-", b"\t"]
BAD += [b"&AAA-", b"tab&AAk-", b"&AB8-", b"&AH8-", b"&3AA-", b"\x00", b"\x7f"]


@pytest.mark.parametrize(("name", "wire"), NAMES)
def test_both_ways(name: str, wire: bytes) -> None:
    assert utf7.encode(name) == wire
    assert utf7.decode(wire) == name


@pytest.mark.parametrize("wire", BAD)
def test_i11_only_the_one_spelling(wire: bytes) -> None:
    with pytest.raises(Fault) as caught:
        utf7.decode(wire)
    assert caught.value.answer.word == "NO"


@pytest.mark.parametrize("wire", [b"inbox", b"InBoX", b"INBOX"])
def test_inbox_in_any_case(wire: bytes) -> None:
    assert utf7.decode(wire) == "INBOX"


@pytest.mark.parametrize("name", ["é&" * 166, "&" * 500, "é" * 250, "éa" * 166, "台&" * 125, "😀&" * 100])
def test_a_name_made_in_utf8_has_a_spelling_that_is_taken(name: str) -> None:
    assert len(name.encode()) <= naming.LONGEST
    assert utf7.decode(utf7.encode(name)) == name


def test_only_the_letters_of_ascii_have_another_case() -> None:
    assert utf7.fold("ınbox") == "ınbox", "a dotless i, whose capital is I"
