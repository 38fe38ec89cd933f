"""Control of the judges: whatever is wrong with a set of mailboxes, or with what went out, they must see."""

from collections import Counter
from pathlib import Path

import pytest

from tests.faults.ledger import Arrived, Ledger, Verdict, judge, judge_outbound

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


SIGNED, OTHERWISE = b"DKIM-Signature: a\r\n", b"DKIM-Signature: b\r\n"
BREAK = 100.0


def _came(to: str, name: str, time: float = 10.0, octets: bytes = SIGNED, *, is_answered: bool = True) -> Arrived:
    return Arrived(to, name, octets, time, is_answered)


WENT = [_came("ann", "1"), _came("bob", "1"), _came("ann", "2")]


@pytest.mark.parametrize(
    ("more", "wrong", "repeated"),
    [
        pytest.param([], {}, 0, id="all-is-well"),
        pytest.param([_came("bob", "3")], {}, 0, id="unanswered-arrived"),
        pytest.param([_came("ann", "2", 30.0)], {"needless": ("ann", "2")}, 1, id="again-after-a-clear-end"),
        pytest.param([_came("ann", "2", 1.0, is_answered=False)], {}, 1, id="again-after-no-answer"),
        pytest.param([_came("ann", "2", 30.0, is_answered=False)], {"needless": ("ann", "2")}, 1, id="answered-first"),
        pytest.param([_came("bob", "3", 99.0), _came("bob", "3", 120.0)], {}, 1, id="again-after-a-break"),
        pytest.param(
            [_came("bob", "3", 90.0), _came("bob", "3", 120.0)], {"needless": ("bob", "3")}, 1, id="long-before-a-break"
        ),
        pytest.param(
            [_came("bob", "3", 105.0), _came("bob", "3", 120.0)], {"needless": ("bob", "3")}, 1, id="after-a-break"
        ),
        pytest.param(
            [_came("bob", "3", 99.0), _came("bob", "3", 120.0, OTHERWISE)], {"altered": ("bob", "3")}, 1, id="altered"
        ),
        pytest.param([_came("bob", "3", 99.0, b"From: a\r\n")], {"unsigned": ("bob", "3")}, 0, id="unsigned"),
        pytest.param([_came("bob", "2")], {"ghosts": ("bob", "2")}, 0, id="misdirected"),
        pytest.param([_came("ann", "4")], {"ghosts": ("ann", "4")}, 0, id="from-nowhere"),
    ],
)
def test_the_judge_of_what_went_out_sees(more: list[Arrived], wrong: dict[str, tuple[str, str]], repeated: int) -> None:
    verdict = judge_outbound(SENT, CODES, [*more, *WENT], [BREAK])
    found = {name: getattr(verdict, name) for name in ("lost", "ghosts", "refused", "altered", "unsigned", "needless")}
    assert {name: held for name, held in found.items() if held} == {name: {held} for name, held in wrong.items()}
    assert (verdict.repeated, verdict.is_clean) == (repeated, not wrong)


@pytest.mark.parametrize("missing", range(len(WENT)))
def test_the_judge_of_what_went_out_misses_what_is_lost(missing: int) -> None:
    verdict = judge_outbound(SENT, CODES, WENT[:missing] + WENT[missing + 1 :], [BREAK])
    assert verdict.lost == {(WENT[missing].recipient, WENT[missing].name)}
    assert not verdict.is_clean
