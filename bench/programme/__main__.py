"""`make bench-all`: every experiment of the programme, one after the other, or those that are named."""

import argparse
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench.__main__ import SETTINGS
from bench.loop import Timing
from bench.programme import report
from bench.programme.experiments import EXPERIMENTS

RESULTS = Path(__file__).parent.parent / "results"


def main() -> None:
    """Run what is wanted, print each table as it comes, and keep what a whole programme found."""
    wanted = _arguments()
    names = wanted.experiments or [name for name, one in EXPERIMENTS.items() if not one.is_long]
    file = wanted.json or (None if wanted.experiments else RESULTS / f"{datetime.now(UTC):%Y-%m-%d}-programme.json")
    timing = Timing(wanted.warm_up, wanted.seconds)
    found = report.beginning({**SETTINGS, "seconds": timing.seconds, "warm_up": timing.warm_up}, wanted.remark)
    print(report.head(found))
    for name in names:
        found["experiments"][name] = _run(name, timing)
        print(report.table(name, found["experiments"][name]), flush=True)
        if file:
            file.write_text(json.dumps(found, indent=1) + "\n")


def _run(name: str, timing: Timing) -> dict[str, Any]:
    experiment = EXPERIMENTS[name]
    return {"what": experiment.what, "cases": [case.as_json() for case in experiment.run(timing)]}


def _arguments() -> argparse.Namespace:
    lines = [f"  {name:<14}{one.what}{' - only if named' * one.is_long}" for name, one in EXPERIMENTS.items()]
    parser = argparse.ArgumentParser(
        prog="python -m bench.programme",
        description=__doc__,
        epilog="\n".join(["experiments:", *lines]),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("experiments", nargs="*", metavar="EXPERIMENT", help="which (default: all short ones)")
    parser.add_argument("--seconds", type=float, default=8.0, help="measured of each case (default: 8)")
    parser.add_argument("--warm-up", type=float, default=2.0, help="seconds before each (default: 2)")
    parser.add_argument("--remark", default="", help="what else the machine was doing, to be kept with the figures")
    parser.add_argument("--json", type=Path, help="write the figures here (default for all: bench/results/)")
    chosen = parser.parse_args()
    if unknown := set(chosen.experiments) - set(EXPERIMENTS):
        parser.error(f"no such experiment: {', '.join(sorted(unknown))}")
    return chosen


if __name__ == "__main__":
    main()
