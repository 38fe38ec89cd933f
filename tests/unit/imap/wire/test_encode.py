import pytest
from imap.store import Flag
from imap.wire import encode

STRINGS = [
    pytest.param(b"plain", b'"plain"', id="plain"),
    pytest.param(b"", b'""', id="empty"),
    pytest.param(b'a"b\\', rb'"a\"b\\"', id="escaped"),
    pytest.param(b"a\r\nb", b"{4}\r\na\r\nb", id="line-end"),
    pytest.param(b"a\x00b", b"{3}\r\na\x00b", id="nul"),
    pytest.param(b"\xc3\xa9", b"{2}\r\n\xc3\xa9", id="8-bit"),
    pytest.param(b"x" * 1025, b"{1025}\r\n" + b"x" * 1025, id="long"),
]


@pytest.mark.parametrize(("data", "wire"), STRINGS)
def test_string(data: bytes, wire: bytes) -> None:
    assert encode.string(data) == wire
    assert encode.nstring(data) == wire


def test_nil() -> None:
    assert encode.nstring(None) == b"NIL"


def test_mailbox_names_are_encoded_and_quoted() -> None:
    assert encode.mailbox('Entwürfe "x"') == b'"Entw&APw-rfe \\"x\\""'
    assert encode.mailbox('Entwürfe & "x\\"', is_utf8=True) == '"Entwürfe & \\"x\\\\\\""'.encode()
    assert encode.mailbox("a\r\nb", is_utf8=True) == b"{4}\r\na\r\nb"


def test_flags() -> None:
    assert encode.flags(0) == b"()"
    assert encode.flags(Flag.SEEN | Flag.DELETED) == rb"(\Deleted \Seen)"
    assert encode.flags(31).count(b"\\") == 5


@pytest.mark.parametrize(
    ("seconds", "wire"),
    [(0, b'" 1-Jan-1970 00:00:00 +0000"'), (951782400, b'"29-Feb-2000 00:00:00 +0000"')],
)
def test_internal_date(seconds: int, wire: bytes) -> None:
    assert encode.internal_date(seconds) == wire
