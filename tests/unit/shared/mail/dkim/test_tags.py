"""Tag lists (RFC 6376 §3.2)."""

import pytest

from shared.mail.dkim.tags import read_tags

LISTS = {
    "one": (b"a=b", {b"a": b"b"}),
    "two": (b"a=b;c=d", {b"a": b"b", b"c": b"d"}),
    "spaces": (b" a = b c ;\t\r\n d\r\n =\te ", {b"a": b"b c", b"d": b"e"}),
    "last-semicolon": (b"a=b; ", {b"a": b"b"}),
    "empty-value": (b"a=;b=", {b"a": b"", b"b": b""}),
    "equals-in-value": (b"a==b=", {b"a": b"=b="}),
    "case-tells-apart": (b"a=1;A=2", {b"a": b"1", b"A": b"2"}),
    "long-name": (b"z_9=1", {b"z_9": b"1"}),
    "nothing": (b"", None),
    "empty-first": (b";a=b", None),
    "empty-middle": (b"a=b;;c=d", None),
    "two-last-semicolons": (b"a=b;;", None),
    "twice": (b"a=b;c=d;a=b", None),
    "no-equals": (b"a=b;c", None),
    "no-name": (b"=b", None),
    "digit-first": (b"1=b", None),
    "underscore-first": (b"_a=b", None),
    "name-with-space": (b"a b=c", None),
    "name-with-dash": (b"a-b=c", None),
    "8-bit-name": (b"\xc3\xa9=c", None),
}


@pytest.mark.parametrize("name", LISTS)
def test_lists(name: str) -> None:
    text, tags = LISTS[name]
    assert read_tags(text) == tags
