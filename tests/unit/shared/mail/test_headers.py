"""The header scanner: fields, offsets, and what is malformed."""

import pytest

from shared.mail.headers import MAX_FIELDS, MAX_HEADER, Headers, scan

GOOD = {
    "one": (b"A: b\r\n\r\n", [(b"a", b"b")]),
    "two": (b"A: b\r\nC-d:e \r\n\r\nbody", [(b"a", b"b"), (b"c-d", b"e")]),
    "folded": (b"A: b\r\n c\r\n\td\r\nE: f\r\n\r\n", [(b"a", b"b c\td"), (b"e", b"f")]),
    "value-on-next-line": (b"A:\r\n b\r\n\r\n", [(b"a", b"b")]),
    "empty-value": (b"A:\r\nB: \r\n\r\n", [(b"a", b""), (b"b", b"")]),
    "colons": (b"A: b: c\r\n\r\n", [(b"a", b"b: c")]),
    "8-bit": (b"A: \xc3\xa9\xff\r\n\r\n", [(b"a", b"\xc3\xa9\xff")]),
    "repeated": (b"A: b\r\na: c\r\n\r\n", [(b"a", b"b"), (b"a", b"c")]),
    "odd-name": (b"!#~: b\r\n\r\n", [(b"!#~", b"b")]),
}

MALFORMED = {
    "nothing": b"",
    "no-end": b"A: b\r\n",
    "half-end": b"A: b\r\n\r",
    "no-header": b"\r\nbody\r\n\r\n",
    "colonless": b"A: b\r\nhello\r\n\r\n",
    "colonless-first": b"hello\r\nA: b\r\n\r\n",
    "space-before-colon": b"A : b\r\n\r\n",
    "tab-before-colon": b"A\t: b\r\n\r\n",
    "nameless": b": b\r\n\r\n",
    "8-bit-name": b"\xc3\xa9: b\r\n\r\n",
    "fold-first": b" A: b\r\n\r\n",
    "line-of-spaces": b"A: b\r\n \t\r\n c\r\n\r\n",
    "nul": b"A: \0\r\n\r\n",
    "escape": b"A: \x1b\r\n\r\n",
    "delete": b"A: \x7f\r\n\r\n",
    "bare-lf": b"A: b\nC: d\r\n\r\n",
    "bare-cr": b"A: b\rC: d\r\n\r\n",
    "lf-only": b"A: b\n\nbody\n",
    "subject-twice": b"Subject: a\r\nsubject: a\r\n\r\n",
    "to-twice": b"To: a\r\nTO: b\r\n\r\n",
    "resent": b"Resent-Date: x\r\n\r\n",
}


def scanned(raw: bytes) -> Headers:
    return scan(memoryview(raw))


@pytest.mark.parametrize("name", GOOD)
def test_good(name: str) -> None:
    raw, fields = GOOD[name]
    headers = scanned(raw)
    assert not headers.is_malformed
    assert headers.size == raw.index(b"\r\n\r\n") + 4
    assert [field.name for field in headers.fields] == [name for name, _ in fields]
    for field_name in {name for name, _ in fields}:
        assert headers.values(field_name) == [value for name, value in fields if name == field_name]


@pytest.mark.parametrize("name", MALFORMED)
def test_malformed(name: str) -> None:
    assert scanned(MALFORMED[name]).is_malformed


def test_offsets_cover_the_block_without_a_gap() -> None:
    raw = b"A: b\r\n c\r\nLong-Name: d\r\nE:\r\n\r\nbody"
    headers = scanned(raw)
    assert b"".join(raw[field.start : field.end] for field in headers.fields) == raw[: headers.size - 2]
    assert [raw[field.start : field.colon].lower() for field in headers.fields] == [f.name for f in headers.fields]


def test_without_fields_all_but_the_empty_line_is_body() -> None:
    assert scanned(b"\r\nbody\r\n\r\nmore").size == 2


def test_only_is_none_for_several() -> None:
    headers = scanned(b"A: b\r\nA: c\r\nD: e\r\n\r\n")
    assert headers.only(b"a") is None
    assert headers.only(b"d") == b"e"
    assert headers.only(b"x") is None


@pytest.mark.parametrize(
    ("count", "is_malformed"), [(MAX_FIELDS, False), (MAX_FIELDS + 1, True), (100 * MAX_FIELDS, True)]
)
def test_number_of_fields(count: int, is_malformed: bool) -> None:
    assert scanned(b"A:\r\n" * count + b"\r\n").is_malformed is is_malformed


@pytest.mark.parametrize(
    ("size", "is_malformed"), [(MAX_HEADER, False), (MAX_HEADER + 1, True), (100 * MAX_HEADER, True)]
)
def test_size_of_block(size: int, is_malformed: bool) -> None:
    raw = b"A: " + b"b" * (size - 7) + b"\r\n\r\nbody"
    headers = scanned(raw)
    assert headers.is_malformed is is_malformed
    assert headers.size == (len(raw) if is_malformed else size)
