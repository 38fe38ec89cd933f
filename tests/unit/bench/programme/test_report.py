"""The tables of the programme: a column a case, a line for whatever any of them tells."""

from bench.programme import report
from bench.programme.case import Case

CASES = [
    Case("kept", 10, 2.0, {"imap": 0.0, "submission": 0.001}, latencies={"done": [0.001]}),
    Case("fresh", 10, 1.0, {"imap": 0.0, "submission": 0.02}, latencies={"logged in": [0.5]}, numbers={"WAL": 12345.6}),
]


def test_a_table_has_a_line_for_what_any_case_tells() -> None:
    experiment = {"what": "a message", "cases": [case.as_json() for case in CASES]}
    lines = [line.split() for line in report.table("submission", experiment).splitlines()]
    assert lines[0] == ["submission:", "a", "message"]
    assert lines[1] == ["kept", "fresh"]
    assert ["a", "second", "5.0", "10.0"] in lines
    assert ["done,", "ms", "p50/p95/p99", "1.0/1.0/1.0"] in lines
    assert ["logged", "in,", "ms", "p50/p95/p99", "500.0/500.0/500.0"] in lines
    assert ["submission", "100", "2000"] in lines
    assert ["WAL", "12346"] in lines
    assert not any(line[0] == "imap" for line in lines), "what did nothing has no line"
