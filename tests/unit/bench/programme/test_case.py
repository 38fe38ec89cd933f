"""What a case tells: everything for one, in the units its reader expects."""

import pytest

from bench.programme.case import Case, case
from bench.run import Observed, together


def seen(done: list[float], cpu: float, memory: int) -> Observed:
    return Observed(
        users=2,
        seconds=2.0,
        latencies={"done": done},
        cpu={"imap": cpu, "postgres": 0.001},
        client_cpu=0.004,
        memory={"imap": memory},
        written=10.0 * len(done),
        all_cycles=len(done) + 1,
    )


def test_a_case_is_told_for_one() -> None:
    told = case("2 users", seen([0.010, 0.020, 0.030, 0.040], 0.007, 5_000_000), {"WAL, octets": 9.0}).as_json()
    assert told["count"] == 4
    assert told["a_second"] == 2.0
    assert told["cpu"] == {"imap": pytest.approx(1750), "postgres": pytest.approx(250)}
    assert told["server_cpu"] == pytest.approx(2000)
    assert told["a_core_second"] == pytest.approx(500)
    assert told["client_cpu"] == pytest.approx(1000)
    assert told["milliseconds"] == {"done": {"p50": 20.0, "p95": 40.0, "p99": 40.0}}
    assert told["memory_mb"] == 5.0
    assert told["numbers"] == {"WAL, octets": 9.0}


def test_what_was_not_looked_at_is_not_told() -> None:
    told = Case("idle", 1, 1.0, {}, latencies={"done": []}).as_json()
    assert told["milliseconds"] == {}
    assert told["a_core_second"] == 0.0


def test_rounds_are_put_together() -> None:
    both = together([seen([0.01], 0.002, 7), seen([0.02, 0.03, 0.04], 0.004, 5)])
    assert both.latencies == {"done": [0.01, 0.02, 0.03, 0.04]}
    assert both.seconds == 4.0
    assert both.cpu["imap"] == pytest.approx(0.006)
    assert both.memory == {"imap": 7}
    assert both.written == pytest.approx((10 * 1 + 30 * 3) / 4)
    assert both.all_cycles == 6
