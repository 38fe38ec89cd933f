"""Content types: read one way, or not at all."""

import pytest

from shared.mail.content import ContentType, content_type, has_free_text, is_plain
from shared.mail.headers import Headers, scan

GOOD = {
    b"text/plain": ContentType(b"text/plain", {}),
    b"Text/PLAIN ;": ContentType(b"text/plain", {}),
    b"a/b; c=d": ContentType(b"a/b", {b"c": b"d"}),
    b'a/b;C="D e;f"': ContentType(b"a/b", {b"c": b"D e;f"}),
    b"a/b; c=d ; e=f/g;": ContentType(b"a/b", {b"c": b"d", b"e": b"f/g"}),
    b'a/b;\r\n\tc=""': ContentType(b"a/b", {b"c": b""}),
}

BAD = [
    *(b"", b"text", b"/", b"a/", b"/b", b"a/b/c", b"a /b", b"a/b c", b"a/b, c/d", b"a/b (c)", b"(c) a/b"),
    *(b"a/b; c", b"a/b; c=", b"a/b; =d", b"a/b; c = d", b"a/b; c=d e", b'a/b; c="d', b'a/b; c="d"e', b'a/b; c="\\d"'),
    *(b"a/b; c=d; c=d", b"a/b; c=d; C=e", b"a/b; c*=d", b"a/b; c*0=d", b"a/b; c=d (e)", b"a/b; c=\xc3\xa9"),
    b"a/b" + b"; c=d" * 300,
]


def headers(*fields: bytes) -> Headers:
    return scan(memoryview(b"".join(field + b"\r\n" for field in fields) + b"\r\n"))


@pytest.mark.parametrize("value", GOOD, ids=ascii)
def test_good(value: bytes) -> None:
    assert content_type(headers(b"Content-Type: " + value)) == GOOD[value]


@pytest.mark.parametrize("value", BAD, ids=lambda value: ascii(value)[:40])
def test_bad(value: bytes) -> None:
    assert content_type(headers(b"Content-Type: " + value)) is None


def test_missing_or_twice() -> None:
    assert content_type(headers(b"X: y")) is None
    assert content_type(headers(b"Content-Type: a/b", b"content-type: a/b")) is None


TERSE = [
    *(b"a/b", b'a/b; charset="utf-8"', b"a/b; CHARSET=us-ascii", b'a/b; name="encrypted.asc"', b'a/b; name=""'),
    *(b"a/b; boundary=" + b"b" * 70, b'a/b; boundary="=_(a)/b\'+,?:c"', b"a/b; format=Flowed; delsp=yes"),
    *(
        b'a/b; name="PGPMIME Versions Identification"',
        b"a/b; name=" + b"n" * 64,
        b"a/b; protocol=application/PGP-encrypted",
    ),
]
TALKATIVE = [
    *(b"a/b; note=n", b'a/b; charset=""', b'a/b; charset="see you"', b"a/b; charset=" + b"c" * 41, b"a/b; format=n"),
    *(b"a/b; name=" + b"n" * 65, b'a/b; name="see you"', b"a/b; name=a/b", b'a/b; boundary=""', b'a/b; boundary="b c"'),
    *(b"a/b; boundary=" + b"b" * 71, b"a/b; protocol=text/plain", b'a/b; delsp="yes please"', b"a/b; name=a; note=n"),
]


@pytest.mark.parametrize(
    ("value", "expected"), [*((value, False) for value in TERSE), *((value, True) for value in TALKATIVE)], ids=ascii
)
def test_free_text(value: bytes, *, expected: bool) -> None:
    content = content_type(headers(b"Content-Type: " + value))
    assert content is not None
    assert has_free_text(content) is expected


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ([], True),
        ([b"7bit"], True),
        ([b"8BIT"], True),
        ([b"binary"], True),
        ([b"base64"], False),
        ([b"quoted-printable"], False),
        ([b"x-uuencode"], False),
        ([b""], False),
        ([b"7bit", b"7bit"], False),
        ([b"7bit", b"base64"], False),
    ],
)
def test_transfer_encoding(fields: list[bytes], expected: bool) -> None:
    block = headers(b"X: y", *(b"Content-Transfer-Encoding: " + value for value in fields))
    assert is_plain(block) is expected
