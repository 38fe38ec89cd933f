from imap.content.header_fields import HeaderFields, header_fields

HEADER = b" lost\r\nTo: A\r\n\tB\r\nnoise\r\nTO : C\r\n: none\r\nSubject: =?utf-8?q?=C3=84?=\r\n\r\nTo: D\r\n"


def test_all_fields_by_name() -> None:
    said = {b"to": b"\0 A\r\n\tB\0 C", b"noise": b"\0", b"": b"\0 none", b"subject": b"\0 =?utf-8?q?=C3=84?="}
    assert header_fields(HEADER) == said


def test_what_they_say() -> None:
    fields = HeaderFields(HEADER)
    assert fields.says(b"subject") == "\0 ä"
    assert fields.says(b"to") == "\0 a b\0 c"
    assert fields.says(b"cc") is None
    assert (fields.first(b"to"), fields.first(b"cc")) == (b" A\r\n\tB", b"")
