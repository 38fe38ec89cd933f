import time

import pytest
from imap.wire.envelope import MAX_ADDRESSES, MAX_READ, addresses, envelope

END = (None, None, None)
ADDRESSES = [
    pytest.param(b"a@b.test", [(None, b"a", b"b.test")], id="bare"),
    pytest.param(b"Ann Lee <a@b.test>", [(b"Ann Lee", b"a", b"b.test")], id="named"),
    pytest.param(b'"Lee, Ann" <a@b.test>', [(b"Lee, Ann", b"a", b"b.test")], id="quoted-name"),
    pytest.param(b'"a b"@c.test', [(None, b"a b", b"c.test")], id="quoted-local"),
    pytest.param(b"a@b.test (Ann (the \\) one))", [(None, b"a", b"b.test")], id="comment"),
    pytest.param(b"a@b.test, c@d.test", [(None, b"a", b"b.test"), (None, b"c", b"d.test")], id="two"),
    pytest.param(
        b"Ann <a@b.test>, c@d.test, Eve <e@f.test>",
        [(b"Ann", b"a", b"b.test"), (None, b"c", b"d.test"), (b"Eve", b"e", b"f.test")],
        id="more-after-a-named-one",
    ),
    pytest.param(
        b"g: <a@b.test>, Eve <e@f.test>; c@d.test",
        [(None, b"g", None), (None, b"a", b"b.test"), (b"Eve", b"e", b"f.test"), END, (None, b"c", b"d.test")],
        id="named-in-a-group",
    ),
    pytest.param(b"<a@b.test> Ann, c@d.test", [(b"Ann", b"a", b"b.test"), (None, b"c", b"d.test")], id="name-behind"),
    pytest.param(
        b"<a@b.test> <c@d.test>, e@f.test", [(b"c @ d.test", b"a", b"b.test"), (None, b"e", b"f.test")], id="no-comma"
    ),
    pytest.param(b",,a@b.test,,", [(None, b"a", b"b.test")], id="commas"),
    pytest.param(b"<@r.test,@s.test:a@b.test>", [(None, b"a", b"b.test")], id="route"),
    pytest.param(b"a@[127.0.0.1]", [(None, b"a", b"[127.0.0.1]")], id="literal"),
    pytest.param(b"=?utf-8?q?=C3=A9?= <a@b.test>", [(b"=?utf-8?q?=C3=A9?=", b"a", b"b.test")], id="encoded-word"),
    pytest.param(b"g: a@b.test;", [(None, b"g", None), (None, b"a", b"b.test"), END], id="group"),
    pytest.param(b"undisclosed:;", [(None, b"undisclosed", None), END], id="empty-group"),
    pytest.param(b"g: a@b.test", [(None, b"g", None), (None, b"a", b"b.test"), END], id="group-open"),
    pytest.param(b"no address", [(b"no address", b"", b"")], id="none"),
    pytest.param(b"root", [(None, b"root", b"")], id="local-only"),
    pytest.param(b"Cron <root>", [(b"Cron", b"root", b"")], id="named-local-only"),
    pytest.param(b"a@", [(None, b"a", b"")], id="no-domain"),
    pytest.param(b"@b.test", [(None, b"", b"b.test")], id="no-local-part"),
    pytest.param(
        b"a@b.test c@d.test, e@f.test", [(None, b"a", b"b.test"), (None, b"e", b"f.test")], id="no-comma-bare"
    ),
    pytest.param(b"a@b . test", [(None, b"a", b"b.test")], id="spaced-domain"),
    pytest.param(b"Bounce <>", [(b"Bounce", b"", b"")], id="named-null"),
    pytest.param(b"<>", [], id="null"),
    pytest.param(b"<", [], id="angle-open"),
    pytest.param(b'"', [], id="quote-open"),
    pytest.param(b"((((", [], id="comments-open"),
    pytest.param(b"a@b.test>", [(None, b"a", b"b.test")], id="angle-closed-only"),
]


@pytest.mark.parametrize(("value", "expected"), ADDRESSES)
def test_addresses(value: bytes, expected: list[object]) -> None:
    assert addresses(value) == expected


def test_missing_fields_are_nil() -> None:
    assert envelope(b"X: y\r\n\r\n") == b"(NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL)"


def test_sender_and_reply_to_take_from() -> None:
    ann, bob = b'((NIL NIL "a" "b.test"))', b'((NIL NIL "c" "d.test"))'
    header = b"From: a@b.test\r\nReply-To: c@d.test\r\nSender:\r\n\r\n"
    assert envelope(header) == b"(NIL NIL %b %b %b NIL NIL NIL NIL NIL)" % (ann, ann, bob)


def test_folded_fields_are_unfolded_and_the_first_counts() -> None:
    header = b"subject: a\r\n b\r\nSubject: c\r\nDate: d\r\n\r\n"
    assert envelope(header).startswith(b'("d" "a b" NIL')


@pytest.mark.parametrize(
    "value",
    [b"a@b.test," * 100_000, b"(" * 100_000, b'"' * 100_000, b"<" * 100_000, b":" * 100_000, b"@" * 100_000],
    ids=["addresses", "comments", "quotes", "angles", "colons", "ats"],
)
def test_bombs_cost_little(value: bytes) -> None:
    before = time.process_time()
    assert len(addresses(value)) <= MAX_ADDRESSES
    assert time.process_time() - before < 2  # measured 30 ms; what is quadratic takes minutes


def test_only_the_beginning_of_a_field_is_read() -> None:
    assert addresses(b"a@b.test," + b" " * MAX_READ + b"c@d.test") == [(None, b"a", b"b.test")]
