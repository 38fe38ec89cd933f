"""Device tokens: what may be one, and when one is told again."""

import pytest

from shared.policy.push import Again, Done, Forget, GiveUp, Outcome, Patience, is_token, judge

HOURS = 3600.0
USUAL = Patience()


@pytest.mark.parametrize(
    ("value", "is_one"),
    [
        pytest.param(b"openpgp:wV4DR2b2udXyHrY+/=", True, id="encrypted"),
        pytest.param(b"fcm-chat.delta:abc_DEF-1:2", True, id="bare"),
        pytest.param(b"webpush:https://there.test/x|key|auth", True, id="web"),
        pytest.param(b"", False, id="empty"),
        pytest.param(b"two words", False, id="space"),
        pytest.param(b"a\r\nb", False, id="line-end"),
        pytest.param(b"a\n", False, id="line-end-last"),
        pytest.param(b"a\x00", False, id="nul"),
        pytest.param(b"a\x7f", False, id="del"),
        pytest.param("ä".encode(), False, id="not-ascii"),
    ],
)
def test_what_may_be_a_token(value: bytes, is_one: bool) -> None:
    assert is_token(value) is is_one


@pytest.mark.parametrize(
    ("status", "attempts", "age", "outcome"),
    [
        pytest.param(200, 0, 0.0, Done(), id="told"),
        pytest.param(200, 4, 9 * HOURS, Done(), id="told-late"),
        pytest.param(410, 0, 0.0, Forget(), id="gone"),
        pytest.param(500, 0, 0.0, Again(8), id="first-failure"),
        pytest.param(500, 1, 8.0, Again(64), id="second"),
        pytest.param(500, 2, 72.0, Again(512), id="third"),
        pytest.param(500, 3, 584.0, Again(4096), id="fourth"),
        pytest.param(500, 4, 4680.0, GiveUp(), id="fifth"),
        pytest.param(500, 0, 5 * HOURS - 8, Again(8), id="just-in-time"),
        pytest.param(500, 0, 5 * HOURS - 7, GiveUp(), id="just-too-late"),
        pytest.param(0, 0, 0.0, Again(8), id="no-answer"),
        pytest.param(201, 0, 0.0, Again(8), id="created"),
        pytest.param(301, 0, 0.0, Again(8), id="elsewhere"),
        pytest.param(404, 0, 0.0, Again(8), id="not-found"),
        pytest.param(429, 0, 0.0, Again(8), id="too-many"),
        pytest.param(500, 10_000, 0.0, GiveUp(), id="no-overflow"),
    ],
)
def test_what_becomes_of_a_token(status: int, attempts: int, age: float, outcome: Outcome) -> None:
    assert judge(status, attempts, age, USUAL) == outcome


def test_patience_is_a_matter_of_choice() -> None:
    assert judge(500, 1, 0.0, Patience(step=0.5, total=1.0)) == Again(0.25)
