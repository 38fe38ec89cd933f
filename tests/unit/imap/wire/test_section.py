import pytest
from imap.wire import section
from imap.wire.answer import Fault
from imap.wire.grammar import Scanner
from imap.wire.section import Section, fields, pick_fields

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
    ],
)
def test_labels(text: bytes, label: bytes) -> None:
    assert section.read(Scanner(text)).label == label


@pytest.mark.parametrize(
    ("text", "word"),
    [
        (b"0]", "BAD"),
        (b"1]", "NO"),
        (b"1.2.HEADER]", "NO"),
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


def test_all_fields_by_name() -> None:
    header = b" lost\r\nTo: A\r\n\tB\r\nnoise\r\nTO : C\r\n: none\r\n\r\nTo: D\r\n"
    assert fields(header) == {b"to": b"\0 a\r\n\tb\0 c", b"noise": b"\0", b"": b"\0 none"}
