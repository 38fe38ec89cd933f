import pytest
from imap.content.structure import scan
from imap.wire import section
from imap.wire.answer import Fault
from imap.wire.grammar import Scanner
from imap.wire.section import Form, Section, pick_fields

HEADER = b"From: a@b.test\r\nSUBJECT : long\r\n\tfolded\r\nTo: c@d.test\r\n\r\n"

SPANS = [
    pytest.param(Section(), (0, 100), id="whole"),
    pytest.param(Section(b"HEADER"), (0, 30), id="header"),
    pytest.param(Section(b"TEXT"), (30, 70), id="text"),
    pytest.param(Section(partial=(10, 20)), (10, 20), id="inside"),
    pytest.param(Section(partial=(90, 20)), (90, 10), id="across-the-end"),
    pytest.param(Section(partial=(100, 1)), (100, 0), id="at-the-end"),
    pytest.param(Section(partial=(4294967295, 1)), (100, 0), id="past-the-end"),
    pytest.param(Section(partial=(0, 4294967295)), (0, 100), id="all-of-it"),
    pytest.param(Section(b"HEADER", partial=(20, 50)), (20, 10), id="header-only"),
    pytest.param(Section(b"TEXT", partial=(5, 10)), (35, 10), id="in-the-text"),
]


@pytest.mark.parametrize(("asked", "span"), SPANS)
def test_spans(asked: Section, span: tuple[int, int]) -> None:
    assert asked.span(30, 100) == span


def test_fields_are_whole_and_in_order() -> None:
    names = frozenset({b"subject", b"from"})
    assert pick_fields(HEADER, names) == b"From: a@b.test\r\nSUBJECT : long\r\n\tfolded\r\n\r\n"
    assert pick_fields(HEADER, names, is_not=True) == b"To: c@d.test\r\n\r\n"
    assert pick_fields(HEADER, frozenset({b"x"})) == b"\r\n"


def test_fields_end_at_the_empty_line() -> None:
    assert pick_fields(b"A: 1\r\n\r\nB: 2\r\n", frozenset({b"b"})) == b"\r\n"


@pytest.mark.parametrize(
    ("text", "label"),
    [
        (b"]", b"BODY[]"),
        (b"header]", b"BODY[HEADER]"),
        (b"TEXT]<5.10>", b"BODY[TEXT]<5>"),
        (b'Header.Fields (a "B")]', b"BODY[HEADER.FIELDS (a B)]"),
        (b"HEADER.FIELDS.NOT (a)]<0.1>", b"BODY[HEADER.FIELDS.NOT (a)]<0>"),
        (b"1.2]", b"BODY[1.2]"),
        (b"01.2.mime]<3.4>", b"BODY[1.2.MIME]<3>"),
        (b"4294967295.header.fields (X)]", b"BODY[4294967295.HEADER.FIELDS (X)]"),
    ],
)
def test_labels(text: bytes, label: bytes) -> None:
    assert section.read(Scanner(text)).label == label


@pytest.mark.parametrize(
    ("text", "word"),
    [
        (b"0]", "BAD"),
        (b"1.]", "BAD"),
        (b"1.0]", "BAD"),
        (b"1.BOGUS]", "BAD"),
        (b"1HEADER]", "BAD"),
        (b"1." * 500 + b"1]", "BAD"),
        (b"MIME]", "BAD"),
        (b"HEADER", "BAD"),
        (b"HEADER.FIELDS]", "BAD"),
        (b"HEADER.FIELDS ()]", "BAD"),
        (b"HEADER.FIELDS (a:b)]", "BAD"),
        (b'HEADER.FIELDS ("")]', "BAD"),
        (b"]<0.0>", "BAD"),
        (b"]<5>", "BAD"),
        (b"]<1.4294967296>", "BAD"),
    ],
)
def test_i7_refuses(text: bytes, word: str) -> None:
    with pytest.raises(Fault) as caught:
        section.read(Scanner(text))
    assert caught.value.answer.word == word


@pytest.mark.parametrize(
    ("text", "form", "label", "path"),
    [
        (b"1]<0.9>", Form.DECODED, b"BINARY[1]<0>", (1,)),
        (b"]", Form.DECODED, b"BINARY[]", ()),
        (b"1.2]", Form.DECODED_SIZE, b"BINARY.SIZE[1.2]", (1, 2)),
    ],
)
def test_binary(text: bytes, form: Form, label: bytes, path: tuple[int, ...]) -> None:
    asked = section.read_binary(Scanner(text), form)
    assert (asked.label, asked.path, asked.form) == (label, path, form)


@pytest.mark.parametrize("text", [b"1.]", b"TEXT]", b"1.MIME]", b"0]", b"1.2"])
def test_binary_refuses(text: bytes) -> None:
    with pytest.raises(Fault):
        section.read_binary(Scanner(text), Form.DECODED)


MESSAGE = (
    b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nX: y\r\n\r\none\r\n"
    b"--b\r\nContent-Type: message/rfc822\r\n\r\nSubject: s\r\n\r\ntwo\r\n--b--\r\n"
)
PARTS = [
    (b"1]", b"one"),
    (b"1.MIME]", b"X: y\r\n\r\n"),
    (b"1.TEXT]", None),
    (b"1.HEADER]", None),
    (b"2]", b"Subject: s\r\n\r\ntwo"),
    (b"2.MIME]", b"Content-Type: message/rfc822\r\n\r\n"),
    (b"2.HEADER]", b"Subject: s\r\n\r\n"),
    (b"2.HEADER.FIELDS (subject)]", b"Subject: s\r\n\r\n"),
    (b"2.TEXT]", b"two"),
    (b"2.1]", b"two"),
    (b"2.1.MIME]", b"Subject: s\r\n\r\n"),
    (b"2.1.TEXT]", None),
    (b"3]", None),
]


@pytest.mark.parametrize(("text", "octets"), PARTS, ids=[text.decode() for text, _ in PARTS])
def test_where_parts_lie(text: bytes, octets: bytes | None) -> None:
    bounds = section.read(Scanner(text)).bounds(scan(MESSAGE, MESSAGE.index(b"\r\n\r\n") + 4))
    assert (None if bounds is None else MESSAGE[bounds[0] : bounds[1]]) == octets
