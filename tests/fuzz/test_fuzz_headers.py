"""Invariant: the scanner and Python's `email` see the same fields, or the scanner calls the block malformed.

Above all they agree on From: an author is never somebody whom another reader would not name, too.
"""

from email import message_from_bytes, policy
from email.utils import getaddresses

from hypothesis import given, settings
from hypothesis import strategies as st

from shared.mail.author import author
from shared.mail.headers import scan

PIECE = st.sampled_from(
    [
        *(b"From", b"Subject", b":", b" ", b"\t", b"\r\n", b"\r\n ", b"a@d", b"<", b">", b'"', b"(", b")", b",", b";"),
        *(b"=?utf-8?q?b=40d?=", b"x", b"\xc3\xa9", b"\0", b"\r", b"\n", b"b@e", b"\r\nFrom: c@f", b"@", b".", b"\\"),
    ]
)
BLOCKS = st.one_of(
    st.binary(max_size=60),
    st.lists(PIECE, max_size=16).map(b"".join),
    st.lists(PIECE, max_size=12).map(lambda p: b"From: " + b"".join(p)),
)


@settings(max_examples=700, deadline=None, derandomize=True)
@given(BLOCKS)
def test_against_another_reader(block: bytes) -> None:
    raw = block + b"\r\n\r\nbody"
    headers = scan(memoryview(raw))
    for field in headers.fields:
        assert raw[field.start : field.colon].lower() == field.name
        assert raw[field.end - 2 : field.end] == b"\r\n"
    if headers.is_malformed:
        return
    assert raw[headers.size - 4 : headers.size] == b"\r\n\r\n"
    theirs = message_from_bytes(raw, policy=policy.compat32)
    assert [field.name.decode() for field in headers.fields] == [name.lower() for name in theirs]
    found = author(headers)
    if found is not None:
        lines = [str(value).replace("\r\n", "") for value in theirs.get_all("from", [])]
        assert [address.lower() for _, address in getaddresses(lines)] == [str(found)]


@settings(max_examples=100, deadline=None, derandomize=True)
@given(
    st.lists(
        st.tuples(st.from_regex(r"X-[A-Za-z0-9-]{1,20}", fullmatch=True), st.text("abc :;", max_size=20)),
        min_size=1,
        max_size=8,
    )
)
def test_well_made_fields_are_read_back(fields: list[tuple[str, str]]) -> None:
    raw = b"".join(f"{name}: {value}\r\n".encode() for name, value in fields) + b"\r\n"
    headers = scan(memoryview(raw))
    assert not headers.is_malformed
    assert [field.name for field in headers.fields] == [name.lower().encode() for name, _ in fields]
