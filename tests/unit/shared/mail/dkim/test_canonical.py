"""Canonical forms: the RFC's example (§3.4.5), ends of bodies, slices."""

from hashlib import sha256

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.mail.dkim import canonical
from shared.mail.headers import scan
from tests.dkim import recipe

EXAMPLE = b"A: X \r\nB : Y\t\r\n\tZ  \r\n\r\n C \r\nD \t E\r\n\r\n\r\n".replace(b"B :", b"B:")

HEADERS = {
    "relaxed": (True, [b"a", b"b"], b"a:X\r\nb:Y Z\r\n"),
    "simple": (False, [b"a", b"b"], b"A: X \r\nB: Y\t\r\n\tZ  \r\n"),
    "order": (True, [b"b", b"a"], b"b:Y Z\r\na:X\r\n"),
    "absent": (True, [b"c", b"a", b"a", b"a"], b"a:X\r\n"),
    "none": (True, [], b""),
}

BODIES = {  # relaxed, simple
    "example": (b" C \r\nD \t E\r\n\r\n\r\n", b" C\r\nD E\r\n", b" C \r\nD \t E\r\n"),
    "empty": (b"", b"", b"\r\n"),
    "one-line-end": (b"\r\n", b"", b"\r\n"),
    "line-ends": (b"\r\n" * 9, b"", b"\r\n"),
    "white-lines": (b" \r\n\t\r\n", b"", b" \r\n\t\r\n"),
    "white-then-empty": (b" \r\n\r\n", b"", b" \r\n"),
    "no-final-line-end": (b"a", b"a\r\n", b"a\r\n"),
    "no-final-line-end-white": (b"a \t", b"a\r\n", b"a \t\r\n"),
    "only-white": (b" \t ", b"", b" \t \r\n"),
    "plain": (b"a\r\n", b"a\r\n", b"a\r\n"),
    "many-empty-lines": (b"a\r\n" + b"\r\n" * 9, b"a\r\n", b"a\r\n"),
    "empty-lines-inside": (
        b"\r\n\r\na\r\n\r\n\r\nb\r\n\r\n",
        b"\r\n\r\na\r\n\r\n\r\nb\r\n",
        b"\r\n\r\na\r\n\r\n\r\nb\r\n",
    ),
    "white-inside": (b"a \t  b\t c\r\n", b"a b c\r\n", b"a \t  b\t c\r\n"),
    "white-first": (b"   a\r\n", b" a\r\n", b"   a\r\n"),
    "bare-cr-is-text": (b"a\r\r\n", b"a\r\r\n", b"a\r\r\n"),
    "bare-lf-is-text": (b"a\n\n\r\n\r\n", b"a\n\n\r\n", b"a\n\n\r\n"),
}


@pytest.mark.parametrize("name", HEADERS)
def test_headers(name: str) -> None:
    is_relaxed, names, expected = HEADERS[name]
    headers = scan(memoryview(EXAMPLE))
    assert canonical.header(headers.octets, headers.fields, names, is_relaxed=is_relaxed) == expected


def test_fields_of_one_name_are_taken_from_the_bottom() -> None:
    headers = scan(memoryview(b"A: 1\r\nB: 2\r\na: 3\r\n\r\n"))
    found = canonical.header(headers.octets, headers.fields, [b"a", b"b", b"a", b"a"], is_relaxed=True)
    assert found == b"a:3\r\nb:2\r\na:1\r\n"


@pytest.mark.parametrize("name", BODIES)
def test_bodies(name: str) -> None:
    body, relaxed, simple = BODIES[name]
    assert canonical.body_hash(b"head" + body, 4, is_relaxed=True) == sha256(relaxed).digest()
    assert canonical.body_hash(b"head" + body, 4, is_relaxed=False) == sha256(simple).digest()


UNSIGNED = {
    "last": (b"X: v=1; b=abc\r\n", b"x:v=1; b=", b"X: v=1; b="),
    "first": (b"X: b=abc; v=1\r\n", b"x:b=; v=1", b"X: b=; v=1"),
    "folded": (b"X: v=1;\r\n b =\r\n a\r\n\tb ;\r\n\td=e\r\n", b"x:v=1; b =; d=e", b"X: v=1;\r\n b =;\r\n\td=e"),
    "bh-is-another": (b"X: bh=abc; b=d; ab=c\r\n", b"x:bh=abc; b=; ab=c", b"X: bh=abc; b=; ab=c"),
    "semicolon-last": (b"X: v=1; b=abc; \r\n", b"x:v=1; b=;", b"X: v=1; b=; "),
    "b-in-a-value": (b"X: s=b b=c; b=d\r\n", b"x:s=b b=c; b=", b"X: s=b b=c; b="),
}


@pytest.mark.parametrize("name", UNSIGNED)
def test_the_signature_is_taken_out(name: str) -> None:
    text, relaxed, simple = UNSIGNED[name]
    (field,) = scan(memoryview(text + b"\r\n")).fields
    assert canonical.unsigned(text, field, is_relaxed=True) == relaxed
    assert canonical.unsigned(text, field, is_relaxed=False) == simple


LINES = st.lists(st.sampled_from([b"\r\n", b"\r\n\r\n", b" ", b"\t", b"a", b"bc", b" \t ", b"\r", b"\n"]), max_size=40)


@settings(max_examples=400, deadline=None, derandomize=True)
@given(LINES.map(b"".join), st.integers(1, 9))
def test_wherever_slices_end(body: bytes, size: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(canonical, "_SLICE", size)
        patch.setattr(canonical, "_LINES_AT_ONCE", 2)
        for form in ("relaxed", "simple"):
            expected = sha256(recipe.body(b"\r\n\r\n" + body, form)).digest()
            assert canonical.body_hash(body, 0, is_relaxed=form == "relaxed") == expected
            with memoryview(bytearray(body)) as view:
                assert canonical.body_hash(view, 0, is_relaxed=form == "relaxed") == expected
