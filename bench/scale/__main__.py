"""`make bench-scale`: what changes as mailboxes, the whole store, and the time of a sync grow."""

import argparse
import json
from datetime import UTC, datetime
from os import getloadavg
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from bench.__main__ import SETTINGS
from bench.loop import Timing
from bench.report import machine
from bench.scale import crowd, disk, growth, report
from tests.suite import Suite

PARTS = ("growth", "crowd", "disk")


def main() -> None:
    """Run what is wanted and print what was measured."""
    wanted = _arguments()
    found: dict[str, Any] = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine(),
        "load": getloadavg()[0],
        "settings": SETTINGS,
    }
    for name in wanted.parts:
        found[name] = {"growth": _growth, "crowd": _crowd, "disk": _disk}[name](wanted)
    print(report.as_text(found))
    if wanted.json:
        before = json.loads(wanted.json.read_text()) if wanted.json.exists() else {}
        wanted.json.write_text(json.dumps({**before, **found}, indent=1) + "\n")


def _growth(wanted: argparse.Namespace) -> dict[str, Any]:
    with Suite(settings=SETTINGS) as suite:
        return growth.measure(suite, wanted.mailboxes, wanted.rounds, wanted.times)


def _crowd(wanted: argparse.Namespace) -> dict[str, Any]:
    many = crowd.Wanted(wanted.accounts, wanted.messages, wanted.rounds, wanted.times, _timing(wanted))
    with Suite(settings=SETTINGS) as empty, Suite(settings=SETTINGS) as full:
        return crowd.measure(empty, full, many)


def _disk(wanted: argparse.Namespace) -> dict[str, Any]:
    with TemporaryDirectory(prefix="slow-") as folder:
        return disk.measure(Path(folder), wanted.sync, wanted.rounds, _timing(wanted))


def _timing(wanted: argparse.Namespace) -> Timing:
    return Timing(wanted.warm_up, wanted.seconds)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.scale", description=__doc__)
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], default=PARTS, help="which (default: all three)")
    parser.add_argument("--rounds", type=int, default=3, help="of everything, in turns (default: 3)")
    parser.add_argument("--times", type=int, default=100, help="each step in each round (default: 100)")
    parser.add_argument("--seconds", type=float, default=6.0, help="of each round of the cycle (default: 6)")
    parser.add_argument("--warm-up", type=float, default=3.0, help="seconds before each (default: 3)")
    parser.add_argument(
        "--mailboxes",
        type=int,
        nargs="+",
        default=growth.NUMBERS,
        help="growth: messages of each (default: 10 to 100 000)",
    )
    parser.add_argument("--accounts", type=int, default=100_000, help="crowd: how many (default: 100 000)")
    parser.add_argument("--messages", type=int, default=1_000_000, help="crowd: how many (default: a million, 8 GB)")
    parser.add_argument("--sync", type=int, default=2000, help="disk: microseconds more a sync (default: 2000)")
    parser.add_argument("--json", type=Path, help="write the figures to this file, too, beside those of other parts")
    return parser.parse_args()


if __name__ == "__main__":
    main()
