"""The gate's verdicts and their order."""

import pytest

from shared.address import Address
from shared.mail import reply
from shared.mail.message import Facts
from shared.mail.reply import Reply
from shared.policy.gate import MAX_HOPS, judge
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
