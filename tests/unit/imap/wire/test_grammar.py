from collections.abc import Callable
from typing import Any

import pytest
from imap.wire.answer import Fault
from imap.wire.grammar import Scanner

Read = Callable[[Scanner], Any]

GOOD: list[Any] = [
    pytest.param(Scanner.atom, b"ABC DEF", b"ABC", id="atom"),
    pytest.param(Scanner.atom, b"+FLAGS.SILENT ", b"+FLAGS.SILENT", id="atom-with-plus"),
    pytest.param(Scanner.keyword, b"fetch ", b"FETCH", id="keyword"),
    pytest.param(Scanner.tag, b"A.1]x ", b"A.1]x", id="tag"),
    pytest.param(Scanner.number, b"4294967295)", 4294967295, id="number"),
    pytest.param(Scanner.number64, b"9223372036854775807)", (1 << 63) - 1, id="number64"),
    pytest.param(Scanner.string, b'"a b"', b"a b", id="quoted"),
    pytest.param(Scanner.string, b'""', b"", id="quoted-empty"),
    pytest.param(Scanner.string, rb'"a\"b\\c"', rb'a"b\c', id="quoted-escapes"),
    pytest.param(Scanner.string, rb'"\\\""', rb"\"", id="quoted-escapes-in-a-row"),
    pytest.param(Scanner.string, '"é"'.encode(), "é".encode(), id="quoted-utf-8"),
    pytest.param(Scanner.string, b"{5}\r\na\r\nb\r", b"a\r\nb\r", id="literal"),
    pytest.param(Scanner.string, b"{0+}\r\n", b"", id="literal-empty"),
    pytest.param(Scanner.string, b'{2}\r\n\xff"', b'\xff"', id="literal-8-bit"),
    pytest.param(Scanner.astring, b"a]b ", b"a]b", id="astring-with-bracket"),
    pytest.param(Scanner.astring, b"NIL ", b"NIL", id="astring-nil-is-a-word"),
    pytest.param(Scanner.nstring, b"nil)", None, id="nstring-nil"),
    pytest.param(Scanner.nstring, b'"NIL"', b"NIL", id="nstring-quoted"),
    pytest.param(Scanner.list_pattern, b"a%*] ", b"a%*]", id="list-pattern"),
]

BAD: list[Any] = [
    pytest.param(Scanner.atom, b"", id="atom-none"),
    pytest.param(Scanner.atom, b"(", id="atom-paren"),
    pytest.param(Scanner.atom, b"\x80", id="atom-8-bit"),
    pytest.param(Scanner.tag, b"+ ", id="tag-plus"),
    pytest.param(Scanner.tag, b"* ", id="tag-star"),
    pytest.param(Scanner.number, b"4294967296", id="number-33-bits"),
    pytest.param(Scanner.number, b"-1", id="number-negative"),
    pytest.param(Scanner.number, "²".encode(), id="number-superscript"),
    pytest.param(Scanner.number64, b"x", id="number64-none"),
    pytest.param(Scanner.number64, b"9223372036854775808", id="number64-too-large"),
    pytest.param(Scanner.string, b"abc", id="string-atom"),
    pytest.param(Scanner.string, b'"abc', id="quoted-open"),
    pytest.param(Scanner.string, b'"a\\', id="quoted-backslash-at-the-end"),
    pytest.param(Scanner.string, b'"a\\x"', id="quoted-other-escape"),
    pytest.param(Scanner.string, b'"a\x00"', id="quoted-nul"),
    pytest.param(Scanner.string, b'"a\nb"', id="quoted-lf"),
    pytest.param(Scanner.string, b"{5}\r\nabc", id="literal-short"),
    pytest.param(Scanner.string, b"{3}\nabc", id="literal-bare-lf"),
    pytest.param(Scanner.string, b"{3}\r\na\x00c", id="literal-nul"),
    pytest.param(Scanner.nstring, b"NULL", id="nstring-other-word"),
    pytest.param(Scanner.end, b" \r\n", id="end-after-space"),
    pytest.param(Scanner.end, b"\n", id="end-bare-lf"),
    pytest.param(Scanner.end, b"\r\nx\r\n", id="end-not-the-last"),
    pytest.param(Scanner.space, b"\t", id="space-tab"),
]


@pytest.mark.parametrize(("read", "data", "expected"), GOOD)
def test_reads(read: Read, data: bytes, expected: object) -> None:
    assert read(Scanner(data)) == expected


@pytest.mark.parametrize(("read", "data"), BAD)
def test_refuses(read: Read, data: bytes) -> None:
    with pytest.raises(Fault) as caught:
        read(Scanner(data))
    assert caught.value.answer.word == "BAD"


def test_a_cursor_goes_on_where_it_was() -> None:
    scanner = Scanner(b'a (1 "x")\r\n')
    assert scanner.atom() == b"a"
    scanner.space()
    assert scanner.takes(b"(")
    assert not scanner.takes(b"(")
    assert scanner.number() == 1
    assert scanner.rest() == b' "x")\r\n'


def test_takes_word_in_any_case() -> None:
    scanner = Scanner(b"Body.Peek[]")
    assert not scanner.takes_word(b"BODY[")
    assert scanner.takes_word(b"BODY.PEEK[")
    assert scanner.peek() == b"]"


def test_at_end() -> None:
    assert Scanner(b"\r\n").at_end()
    assert not Scanner(b" \r\n").at_end()
