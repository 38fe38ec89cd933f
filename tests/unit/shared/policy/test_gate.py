"""The gate's verdicts and their order."""

import pytest

from shared.address import Address, parse
from shared.mail import reply
from shared.mail.message import Facts
from shared.mail.reply import Reply
from shared.policy.gate import MAX_HOPS, MAX_REPORT, judge, judge_stranger, may_all_read_plain
from shared.policy.verdict import Accept, Reject


def facts(**changes: bool | int) -> Facts:
    values = {"hops": 0, "is_malformed": False, "is_encrypted": False, "is_securejoin": False} | changes
    return Facts(author=Address("a", "d"), header_size=10, fields=(), **values)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "changes", [{"is_encrypted": True}, {"is_securejoin": True}, {"is_encrypted": True, "hops": MAX_HOPS}]
)
def test_accepted(changes: dict[str, bool | int]) -> None:
    assert judge(facts(**changes)) == Accept()


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, reply.NOT_ENCRYPTED),
        ({"is_encrypted": True, "is_malformed": True}, reply.MALFORMED),
        ({"is_securejoin": True, "is_malformed": True}, reply.MALFORMED),
        ({"is_encrypted": True, "hops": MAX_HOPS + 1}, reply.LOOP),
        ({"hops": MAX_HOPS + 1}, reply.LOOP),
    ],
)
def test_refused(changes: dict[str, bool | int], expected: Reply) -> None:
    assert judge(facts(**changes)) == Reject(expected)


def test_words_a_client_looks_for() -> None:
    assert reply.NOT_ENCRYPTED.line() == b"523 5.7.1 Encryption Needed: Invalid Unencrypted Mail\r\n"


INBOUND: list[tuple[dict[str, bool | int], bool, bool]] = [
    ({}, False, False),
    ({}, True, True),
    ({"is_encrypted": True}, False, True),
    ({"is_old_encrypted": True}, False, True),
    ({"is_securejoin": True}, False, True),
    ({"is_report": True}, False, True),
]


@pytest.mark.parametrize(("changes", "may_be_plain", "is_accepted"), INBOUND, ids=str)
def test_strangers(changes: dict[str, bool | int], may_be_plain: bool, is_accepted: bool) -> None:
    expected = Accept() if is_accepted else Reject(reply.NOT_ENCRYPTED)
    assert judge_stranger(facts(**changes), 1000, may_be_plain=may_be_plain) == expected
    for shape, refusal in (({"is_malformed": True}, reply.MALFORMED), ({"hops": MAX_HOPS + 1}, reply.LOOP)):
        assert judge_stranger(facts(**changes, **shape), 1000, may_be_plain=may_be_plain) == Reject(refusal)


@pytest.mark.parametrize(
    ("changes", "size", "may_be_plain", "expected"),
    [
        ({"is_report": True}, MAX_REPORT, False, Accept()),
        ({"is_report": True}, MAX_REPORT + 1, False, Reject(reply.TOO_LARGE)),
        ({"is_report": True, "is_malformed": True}, MAX_REPORT + 1, False, Reject(reply.MALFORMED)),
        ({"is_report": True, "is_encrypted": True}, MAX_REPORT + 1, False, Accept()),
        ({"is_report": True}, MAX_REPORT + 1, True, Accept()),
        ({"is_encrypted": True}, MAX_REPORT + 1, False, Accept()),
    ],
)
def test_how_long_a_report_may_be(
    changes: dict[str, bool | int], size: int, may_be_plain: bool, expected: Accept | Reject
) -> None:
    assert judge_stranger(facts(**changes), size, may_be_plain=may_be_plain) == expected


@pytest.mark.parametrize("changes", [{"is_old_encrypted": True}, {"is_report": True}])
def test_our_own_users_have_no_such_exceptions(changes: dict[str, bool]) -> None:
    assert judge(facts(**changes)) == Reject(reply.NOT_ENCRYPTED)


@pytest.mark.parametrize(
    ("recipients", "expected"),
    [
        ("p@d.test", True),
        ("p+x@d.test", True),
        ("p+x+y@d.test q@d.test", True),
        ("p@d.test a@d.test", False),
        ("px@d.test", False),
        ("p@e.test", False),
    ],
)
def test_who_may_read_cleartext(recipients: str, expected: bool) -> None:
    named = [parse(one) for one in recipients.split()]
    assert may_all_read_plain(named, {"p@d.test", "q@d.test"}) is expected
    assert not may_all_read_plain(named, ())
