"""Which addresses may be written to through which door."""

import pytest

from shared.address import parse
from shared.mail import reply
from shared.policy.recipients import judge_entering, judge_leaving, judge_stranger
from shared.policy.verdict import Accept, Reject

OURS = frozenset({"here.test", "[192.0.2.25]"})


@pytest.mark.parametrize(
    ("recipient", "is_ours"),
    [("a@here.test", True), ("a@[192.0.2.25]", True), ("a@there.test", False), ("a@x.here.test", False)],
)
def test_leaving_and_entering(recipient: str, is_ours: bool) -> None:
    address = parse(recipient)
    assert judge_leaving(address, OURS) == (Accept() if is_ours else Reject(reply.NO_FEDERATION))
    for is_known in (True, False):
        ours = Reject(reply.NO_FEDERATION if is_known else reply.NO_SUCH_USER)
        expected = ours if is_ours else Reject(reply.RELAYING_DENIED)
        assert judge_entering(address, OURS, is_known=is_known) == expected


def test_strangers_do_not_write_as_us() -> None:
    assert judge_stranger(None, OURS) == Accept()
    assert judge_stranger(parse("a@there.test"), OURS) == Accept()
    assert judge_stranger(parse("a@here.test"), OURS) == Reject(reply.USE_SUBMISSION)
