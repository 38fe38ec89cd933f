import pytest
from imap.content.content_fields import MAX_PARAMETERS, TYPED_TEXT, Typed, content_fields, media_type, read_typed, words

TYPES = [
    (b"text/html; charset=utf-8", (b"text", b"html", {b"charset": b"utf-8"})),
    (b"Text/HTML ;Charset = \"UTF-8\"", (b"Text", b"HTML", {b"Charset": b"UTF-8"})),
    (b"image/png; name=\"a \\\"b\\\"; c.png\"", (b"image", b"png", {b"name": b'a "b"; c.png'})),
    (b"image/png; name=a b.png; x=y", (b"image", b"png", {b"name": b"a", b"x": b"y"})),
    (b"a/b; ; x; =1; y=2", (b"a", b"b", {b"y": b"2"})),
    (b"a/b; x=\"never closed", (b"a", b"b", {b"x": b"never closed"})),
    (b"a/b; x=\"", (b"a", b"b", {b"x": b""})),
    (b"a/b; x=", (b"a", b"b", {b"x": b""})),
    (b"a/b (a comment); x=y (another)", (b"a", b"b", {b"x": b"y"})),
    (b"a/b; x (one)= (two) y; (three) z=1", (b"a", b"b", {b"x": b"y"})),
    (b"a/b; x (never closed=y; z=1", (b"a", b"b", {b"z": b"1"})),
    (b"a/b; name*0=\"one\"; name*1*=%20two", (b"a", b"b", {b"name*0": b"one", b"name*1*": b"%20two"})),
    (b"attachment; filename*=utf-8''caf%C3%A9", (b"attachment", b"", {b"filename*": b"utf-8''caf%C3%A9"})),
]  # fmt: skip


@pytest.mark.parametrize(("value", "typed"), TYPES, ids=[value.decode() for value, _ in TYPES])
def test_types(value: bytes, typed: tuple[bytes, bytes, dict[bytes, bytes]]) -> None:
    found = read_typed(value)
    assert found is not None
    assert (found.name, found.subtype, dict(found.parameters)) == typed


@pytest.mark.parametrize("value", [None, b"", b"text", b"/", b"/plain", b"=?utf-8?q?text?=", b"\xff/\xff"])
def test_what_is_no_type_is_text(value: bytes | None) -> None:
    assert media_type(value) == TYPED_TEXT


def test_text_has_a_charset() -> None:
    assert media_type(b"text/html").parameters == ((b"charset", b"us-ascii"),)
    assert media_type(b"image/png").parameters == ()


def test_fields() -> None:
    header = (
        b"Subject: x\r\nContent-Type: a/b;\r\n\tx=y\r\nCONTENT-ID : <1>\r\nX-Content-Md5: no\r\nContent-Type: c/d\r\n"
        b"Content-Description:\r\n"
    )
    assert content_fields(header) == {b"type": b"a/b;\tx=y", b"id": b"<1>", b"description": b""}


def test_parameters_are_bounded() -> None:
    found = read_typed(b"a/b" + b"; x=y" * 100_000)
    assert found is not None
    assert len(found.parameters) == MAX_PARAMETERS


@pytest.mark.parametrize("boundary", [b"x" * 201, b"", b"  "])
def test_boundaries_that_are_none(boundary: bytes) -> None:
    assert Typed(b"multipart", b"mixed", ((b"boundary", boundary),)).boundary == b""


def test_languages() -> None:
    assert words(b"en, fi ,, de-AT (x)") == [b"en", b"fi", b"de-AT"]
