"""`make bench-compare`: our suite beside what an operator would run instead, the same client against all, in turns."""

import argparse
import json
from collections import defaultdict
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.__main__ import SETTINGS
from bench.compare import report
from bench.compare.sides import Side, elsewhere, running
from bench.compare.syncs import counted
from bench.run import Observed, observe

SYNC_USERS, SYNC_SECONDS = 16, 4.0


def main() -> None:
    """Run every side in turns for each number of users, count syncs, and print what was found."""
    wanted = _arguments()
    with running(SETTINGS, wanted.beside) as sides, TemporaryDirectory(prefix="compare-") as folder:
        found = {users: _in_turns(sides, users, wanted, Path(folder)) for users in wanted.users}
        syncs = {side.name: _syncs(side, wanted.size, Path(folder)) for side in sides}
    chosen = {name: getattr(wanted, name) for name in ("size", "seconds", "rounds", "warm_up")}
    told = report.as_json(sides, found, syncs, {**chosen, **SETTINGS})
    print(report.as_text(told))
    if wanted.json:
        wanted.json.write_text(json.dumps(told, indent=2) + "\n")


def _in_turns(sides: list[Side], users: int, wanted: argparse.Namespace, folder: Path) -> dict[str, list[Observed]]:
    found: dict[str, list[Observed]] = defaultdict(list)
    for _ in range(wanted.rounds):
        for side in sides:
            job = side.job(users, wanted.size, wanted.warm_up, wanted.seconds)
            found[side.name].append(observe(side.components(), job, folder))
    return found


def _syncs(side: Side, size: int, folder: Path) -> float | None:
    """Return how often a side syncs for a message, None where that cannot be told."""
    roots = side.components()
    with counted(roots, folder) as counting:
        seen = observe(roots, side.job(SYNC_USERS, size, 1.0, SYNC_SECONDS), folder)
    return None if counting.calls is None else counting.calls / seen.all_cycles


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.compare", description=__doc__)
    parser.add_argument("--users", type=int, nargs="+", default=[1, 16, 64], help="a table for each (default: 1 16 64)")
    parser.add_argument("--size", type=int, default=8192, help="octets of a message (default: 8192)")
    parser.add_argument("--seconds", type=float, default=8.0, help="measured in each round (default: 8)")
    parser.add_argument("--rounds", type=int, default=2, help="of each side, in turns (default: 2)")
    parser.add_argument("--warm-up", type=float, default=3.0, help="seconds before each (default: 3)")
    parser.add_argument("--json", type=Path, help="write the figures to this file, too")
    parser.add_argument(
        "--beside",
        type=elsewhere,
        action="append",
        default=[],
        metavar="NAME,HOST,SUBMISSIONS,IMAPS,DOMAIN",
        help="another server that runs by itself; its CPU is not seen",
    )
    return parser.parse_args()


if __name__ == "__main__":
    main()
