"""Answers for people and for programs."""

import json
from dataclasses import dataclass
from datetime import date

import pytest

from chatmail.answer import answer, require, size, table
from chatmail.trouble import Trouble


@dataclass
class Row:
    name: str
    born: date
    quota: int | None
    is_barred: bool


ROWS = [Row("a", date(2026, 1, 2), None, False), Row("longer", date(2026, 1, 3), 5, True)]


def test_a_table_has_columns(capsys: pytest.CaptureFixture[str]) -> None:
    table(ROWS, "none", is_json=False)
    assert capsys.readouterr().out == (
        "name    born        quota  is_barred\na       2026-01-02  -      no\nlonger  2026-01-03  5      yes\n"
    )


def test_the_same_in_json(capsys: pytest.CaptureFixture[str]) -> None:
    table(ROWS, "none", is_json=True)
    assert json.loads(capsys.readouterr().out)[0] == {
        "name": "a",
        "born": "2026-01-02",
        "quota": None,
        "is_barred": False,
    }


def test_nothing_is_a_sentence_or_an_empty_list(capsys: pytest.CaptureFixture[str]) -> None:
    table([], "none", is_json=False)
    table([], "none", is_json=True)
    assert capsys.readouterr().out == "none\n[]\n"


def test_one_dataclass_in_json(capsys: pytest.CaptureFixture[str]) -> None:
    answer(ROWS[1], "", is_json=True)
    assert json.loads(capsys.readouterr().out)["born"] == "2026-01-03"


def test_what_was_not_done_is_trouble() -> None:
    require(True, "fine")
    with pytest.raises(Trouble, match="not done"):
        require(False, "not done")


@pytest.mark.parametrize(
    ("octets", "text"), [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (30_500_000, "30.5 MB"), (10**15, "1000.0 TB")]
)
def test_sizes(octets: int, text: str) -> None:
    assert size(octets) == text
