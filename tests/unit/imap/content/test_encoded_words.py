import pytest
from imap.content.encoded_words import decode_header

# The examples of RFC 2047 §8, and what mail has besides.
WORDS = [
    (b"=?ISO-8859-1?Q?a?=", "a"),
    (b"=?ISO-8859-1?Q?a?= b", "a b"),
    (b"=?ISO-8859-1?Q?a?= =?ISO-8859-1?Q?b?=", "ab"),
    (b"=?ISO-8859-1?Q?a?=  =?ISO-8859-1?Q?b?=", "ab"),
    (b"=?ISO-8859-1?Q?a?=\r\n   =?ISO-8859-1?Q?b?=", "ab"),
    (b"=?ISO-8859-1?Q?a_b?=", "a b"),
    (b"=?ISO-8859-1?Q?a?= =?ISO-8859-2?Q?_b?=", "a b"),
    (b"=?US-ASCII?Q?Keith_Moore?= <moore@cs.utk.edu>", "Keith Moore <moore@cs.utk.edu>"),
    (b"=?ISO-8859-1?B?SWYgeW91IGNhbiByZWFkIHRoaXMgeW8=?=", "If you can read this yo"),
    (b"=?utf-8?b?w?= =?utf-8?b?6Q==?=", "\ufffd"),  # a broken half is left out
    (b"=?utf-8?q?=C3?= =?utf-8?q?=A9?=", "é"),
    (b"=?utf-8*fr?q?caf=C3=A9?=", "café"),
    (b"=?x-nobody-knows?q?caf=C3=A9?=", "café"),
    (b"caf\xc3\xa9", "café"),
    (b"caf\xe9", "café"),
    (b"long\r\n subject", "long subject"),
    (b"=?utf-8?x?abc?= =? ?= =?", "=?utf-8?x?abc?= =? ?= =?"),
    (b"", ""),
]


@pytest.mark.parametrize(("value", "text"), WORDS, ids=[text or "empty" for _, text in WORDS])
def test_decodes(value: bytes, text: str) -> None:
    assert decode_header(value) == text
