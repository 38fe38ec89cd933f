"""Who wrote it (F1-F4): one plain mailbox, or nobody."""

import pytest

from shared.mail.author import author
from shared.mail.headers import scan

ALICE = [
    b"From: a@d.example",
    b"From: <a@d.example>",
    b"FROM:<A@D.example>",
    b"from: a@d.example ",
    b"From:\r\n a@d.example",
    b"From: Alice\r\n <a@d.example>",
    b"From: Alice B. Carol <a@d.example>",
    b'From: "b@d.example" <a@d.example>',
    b'From: "Alice, \\"A\\" <b@d.example>; (x):" <a@d.example>',
    b'From: "<b@d.example>" <a@d.example>',
    b'From: Alice "the" B <a@d.example>',
    b"From: =?utf-8?q?b=40d?= <a@d.example>",
    b"From: =?utf-8?B?w4Q=?= =?utf-8?B?w4Q=?= <a@d.example>",
    b"From: \xc3\x84lice <a@d.example>",
    b"From: Alice\t<a@d.example>",
    b"From: b\r\nFrom-Line: b@d.example".replace(b"From: b", b"From: a@d.example"),
]

NOBODY = [
    b"To: a@d.example",
    b"From:",
    b"From: ",
    b"From: <>",
    b"From: Alice",
    b"From: a@d.example\r\nFrom: a@d.example",
    b"From: a@d.example\r\nFrom: b@d.example",
    b"from: b@d.example\r\nFROM: a@d.example",
    b"From : a@d.example",
    b"From: a@d.example, b@d.example",
    b"From: <a@d.example>, <b@d.example>",
    b"From: <a@d.example> <b@d.example>",
    b"From: <b@d.example> a@d.example",
    b"From: a@d.example <b@d.example>",
    b"From: a@d.example b@d.example",
    b"From: <<a@d.example>>",
    b"From: <a@d.example",
    b"From: a@d.example>",
    b"From: g: a@d.example;",
    b"From: g:;",
    b"From: Alice: <a@d.example>",
    b"From: a@d.example (b@d.example)",
    b"From: (b@d.example) a@d.example",
    b"From: a(b)@d.example",
    b"From: Alice (x) <a@d.example>",
    b"From: <@r.example:a@d.example>",
    b'From: "a"@d.example',
    b'From: <"a"@d.example>',
    b'From: "a@d.example',
    b'From: "Alice\\" <a@d.example>',
    b"From: < a@d.example>",
    b"From: <a@d.example >",
    b"From: <a@\r\n d.example>",
    b"From: a @d.example",
    b"From: =?utf-8?q?a=40d=2Eexample?=",
    b"From: =?utf-8?q?a?=@d.example",
    b"From: <=?utf-8?q?a?=@d.example>",
    b"From: a@d.example.",
    b"From: a@d\xc3\xa9.example",
    b"From: \xd0\xb0@d.example",
    b"From: a@127.0.0.1",
    b"From: a@[127.0.0.1",
    b"From: a",
    b"From: @d.example",
    b"From: Alice <a@d.example> x",
    b"From: [x] <a@d.example>",
    b"From: Alice, Bob <a@d.example>",
    b"From: " + b"x" * 1000 + b" <a@d.example>",
    b'From: "' + b"\\x" * 600 + b'" <a@d.example>',
]


def author_of(fields: bytes) -> str | None:
    found = author(scan(memoryview(fields + b"\r\nX: y\r\n\r\n")))
    return None if found is None else str(found)


@pytest.mark.parametrize("fields", ALICE, ids=ascii)
def test_one_mailbox(fields: bytes) -> None:
    assert author_of(fields) == "a@d.example"


@pytest.mark.parametrize("fields", NOBODY, ids=lambda fields: ascii(fields)[:60])
def test_nobody(fields: bytes) -> None:
    assert author_of(fields) is None


def test_address_literal() -> None:
    assert author_of(b"From: <a@[127.0.0.1]>") == "a@[127.0.0.1]"
