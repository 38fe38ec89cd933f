"""`make bench`: how fast a message goes round on this machine, and what it costs."""

import argparse
import json
from pathlib import Path

from bench import database, report
from bench.loop import Timing
from bench.run import job_for, measure
from tests.suite import Suite

# The load comes from few addresses and writes faster than people do.
SETTINGS = {
    "MADDY_SEND_PER_MINUTE": "1000000",
    "MADDY_SEND_BURST": "1000000",
    "MADDY_SOURCE_RATE": "100000",
    "MADDY_SOURCE_CONNECTIONS": "100000",
}


def main() -> None:
    """Start a suite, run each number of users against it, and print what was measured."""
    wanted = _arguments()
    with Suite(settings=SETTINGS) as suite:
        database.count_calls(suite.owner_url)
        timing = Timing(wanted.warm_up, wanted.seconds)
        jobs = [job_for(suite, users, wanted.size, timing, is_pipelining=wanted.pipelining) for users in wanted.users]
        runs = [measure(suite, job) for job in jobs]
    found = report.as_json(runs, {**SETTINGS, **_chosen(wanted)})
    print(report.as_text(found))
    if wanted.json:
        wanted.json.write_text(json.dumps(found, indent=2) + "\n")


def _chosen(wanted: argparse.Namespace) -> dict[str, str]:
    return {name: str(getattr(wanted, name)) for name in ("size", "seconds", "pipelining")}


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--users", type=int, nargs="+", default=[1, 16, 64], help="a run for each (default: 1 16 64)")
    parser.add_argument("--size", type=int, default=8192, help="octets of a message (default: 8192)")
    parser.add_argument("--seconds", type=float, default=12.0, help="measured in each run (default: 12)")
    parser.add_argument("--warm-up", type=float, default=3.0, help="seconds before (default: 3)")
    parser.add_argument("--pipelining", action="store_true", help="the client pipelines its IMAP commands")
    parser.add_argument("--json", type=Path, help="write the figures to this file, too")
    return parser.parse_args()


if __name__ == "__main__":
    main()
