"""Pictures: the same figures give the same octets, few of them, and no figures no picture."""

import json
from pathlib import Path

import pytest

from bench import plots

SHARES = {"p50": 2.0, "p95": 3.0, "p99": 4.0}
USED = {"cpu": {"submission": 400.0, "imap": 300.0}, "server_cpu": 800.0}
OURS = {**USED, "milliseconds": {"accepted": SHARES, "after": SHARES}}
THEIRS = {**OURS, "cpu": {"postfix": 2000.0, "dovecot": 3000.0}}
SIDES = {plots.OURS: OURS, plots.THEIRS: THEIRS}
CASES = [{"title": title, **USED} for title in ("1 user", "16 users", "16 users, 4 KB", "16 users, 1 MB")]
FOUND = {
    "programme": {"at": "2026-11-23T01", "load": 1.5, "experiments": {"cycle": {"cases": CASES}}},
    "compare": {"at": "2026-11-22T01", "users": {"1": SIDES, "16": SIDES}},
    "scale": {
        "at": "2026-11-23T01",
        "growth": {size: {"SELECT": {"ms p50": 2.0}, "rows": {"read": 1}} for size in ("10", "1000")},
    },
    "soak": {
        "at": "2026-11-23T01",
        "samples": {
            "minutes": list(range(100)),
            "anon imap": [5e7, None, *[6e7] * 98],
            "table body": [1e6 * n for n in range(100)],
        },
    },
}


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(plots, "RESULTS", tmp_path)
    monkeypatch.setattr(plots, "PICTURES", tmp_path / "pictures")
    return tmp_path


def drawn(places: Path) -> dict[str, bytes]:
    plots.main()
    return {file.stem: file.read_bytes() for file in (places / "pictures").iterdir()}


def test_the_same_figures_give_the_same_octets(places: Path) -> None:
    for kind, report in FOUND.items():
        (places / f"2026-11-23-{kind}.json").write_text(json.dumps(report))
    first = drawn(places)
    assert set(first) == {"cpu", "latency", "cycle", "growth", "soak"}
    assert drawn(places) == first
    assert all(len(picture) < 60_000 for picture in first.values())


def test_what_has_no_figures_has_no_picture(places: Path) -> None:
    (places / "2026-11-23-programme.json").write_text(json.dumps({"at": "2026-11-23T01", "experiments": {}}))
    (places / "2026-11-23-scale.json").write_text(json.dumps({"at": "2026-11-23T01", "disk": {}}))
    assert drawn(places) == {}


def test_the_newest_figures_are_drawn(places: Path) -> None:
    (places / "2026-11-22-soak.json").write_text(json.dumps(FOUND["soak"]))
    old = drawn(places)
    newer = {**FOUND["soak"], "at": "2026-11-24T01"}
    (places / "2026-11-24-soak.json").write_text(json.dumps(newer))
    assert drawn(places) != old
