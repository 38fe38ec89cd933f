"""Which addresses may be written to through which door."""

import pytest

from shared.address import parse
from shared.mail import reply
from shared.policy.recipients import judge_entering, judge_stranger
from shared.policy.verdict import Accept, Reject

OURS = frozenset({"here.test", "[192.0.2.25]"})


@pytest.mark.parametrize(
    ("recipient", "is_ours"),
    [("a@here.test", True), ("a@[192.0.2.25]", True), ("a@there.test", False), ("a@x.here.test", False)],
)
def test_entering(recipient: str, is_ours: bool) -> None:
    address = parse(recipient)
    expected = {
        (True, True): Accept(),
        (True, False): Reject(reply.MAILBOX_FULL),
        (False, False): Reject(reply.NO_SUCH_USER),
        (False, True): Reject(reply.NO_SUCH_USER),
    }
    for (is_known, has_room), verdict in expected.items():
        entering = judge_entering(address, OURS, is_known=is_known, has_room=has_room)
        assert entering == (verdict if is_ours else Reject(reply.RELAYING_DENIED))


def test_strangers_do_not_write_as_us() -> None:
    assert judge_stranger(None, OURS) == Accept()
    assert judge_stranger(parse("a@there.test"), OURS) == Accept()
    assert judge_stranger(parse("a@here.test"), OURS) == Reject(reply.USE_SUBMISSION)
