"""A user's own mail: the sender rules, and the order of reasons."""

import pytest

from shared.address import Address
from shared.mail import reply
from shared.mail.message import Facts
from shared.mail.reply import Reply
from shared.policy.submission import judge, judge_sender
from shared.policy.verdict import Accept, Reject

ALICE = Address("alice", "example.org")
BOB = Address("bob", "example.org")
ELSEWHERE = Address("alice", "example.net")


def facts(
    author: Address | None = ALICE, *, is_malformed: bool = False, is_encrypted: bool = True, hops: int = 0
) -> Facts:
    return Facts(author, 10, hops, is_malformed, is_encrypted, is_securejoin=False, fields=())


def test_own_sender() -> None:
    assert judge_sender(ALICE, ALICE) == Accept()


@pytest.mark.parametrize("sender", [BOB, ELSEWHERE, None])
def test_foreign_sender(sender: Address | None) -> None:
    assert judge_sender(ALICE, sender) == Reject(reply.FOREIGN_SENDER)
    assert judge(ALICE, sender, facts()) == Reject(reply.FOREIGN_SENDER)


def test_own_message() -> None:
    assert judge(ALICE, ALICE, facts()) == Accept()


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (facts(BOB), reply.FORGED_FROM),
        (facts(ELSEWHERE), reply.FORGED_FROM),
        (facts(None), reply.FORGED_FROM),
        (facts(is_encrypted=False), reply.NOT_ENCRYPTED),
        (facts(is_malformed=True), reply.MALFORMED),
        (facts(hops=51), reply.LOOP),
        (facts(None, is_malformed=True), reply.MALFORMED),
        (facts(BOB, is_encrypted=False), reply.FORGED_FROM),
    ],
)
def test_refused(found: Facts, expected: Reply) -> None:
    assert judge(ALICE, ALICE, found) == Reject(expected)
