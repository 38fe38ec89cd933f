"""Control of the judge: whatever is wrong with a set of mailboxes, it must see."""

from collections import Counter
from pathlib import Path

import pytest

from tests.faults.ledger import Ledger, Verdict, judge

NOTHING: frozenset[tuple[str, str]] = frozenset()
SENT = {"1": ["ann", "bob"], "2": ["ann"], "3": ["bob"]}
CODES = {"1": 250, "2": 250}
FOUND = [("ann", "1"), ("bob", "1"), ("ann", "2")]


@pytest.mark.parametrize(
    ("found", "codes", "verdict"),
    [
        pytest.param(FOUND, CODES, Verdict(NOTHING, NOTHING, NOTHING, NOTHING), id="all-is-well"),
        pytest.param([*FOUND, ("bob", "3")], CODES, Verdict(NOTHING, NOTHING, NOTHING, NOTHING), id="unanswered-there"),
        pytest.param(
            FOUND[1:], CODES, Verdict(frozenset({("ann", "1")}), NOTHING, NOTHING, NOTHING), id="one-recipient-lost"
        ),
        pytest.param(
            [*FOUND, ("ann", "2")], CODES, Verdict(NOTHING, frozenset({("ann", "2")}), NOTHING, NOTHING), id="doubled"
        ),
        pytest.param(
            [*FOUND, ("bob", "2")], CODES, Verdict(NOTHING, NOTHING, frozenset({("bob", "2")}), NOTHING), id="misplaced"
        ),
        pytest.param(
            [*FOUND, ("ann", "4")], CODES, Verdict(NOTHING, NOTHING, frozenset({("ann", "4")}), NOTHING), id="unsent"
        ),
        pytest.param(
            FOUND,
            {**CODES, "3": 554},
            Verdict(NOTHING, NOTHING, NOTHING, frozenset({("bob", "3")})),
            id="refused-for-good",
        ),
    ],
)
def test_the_judge_sees(found: list[tuple[str, str]], codes: dict[str, int], verdict: Verdict) -> None:
    assert judge(SENT, codes, Counter(found)) == verdict


def test_a_ledger_is_read_back_from_its_file(tmp_path: Path) -> None:
    with Ledger(tmp_path / "ledger") as ledger:
        ledger.sending("1", ["ann", "bob"])
        ledger.answered("1", 250)
        assert ledger.judge([("bob", "1")]).lost == {("ann", "1")}
        assert ledger.accepted == 1
