"""`make bench-out`: how fast mail leaves for other servers, and what it costs."""

import argparse
import json
from pathlib import Path

from bench.out import report
from bench.out.run import measure
from bench.out.world import SETTINGS, Places


def main() -> None:
    """Run each number of destinations with each number of workers, and print what was measured."""
    wanted = _arguments()
    kinds = [Places(number, 0) for number in wanted.destinations]
    kinds += [Places(number - number // 10, number // 10) for number in wanted.dead]
    runs = [
        measure(places, workers, wanted.messages, wanted.senders, wanted.size)
        for workers in wanted.workers
        for places in kinds
    ]
    chosen = {name: str(getattr(wanted, name)) for name in ("messages", "senders", "size")}
    found = report.as_json(runs, {**SETTINGS, **chosen})
    print(report.as_text(found))
    if wanted.json:
        wanted.json.write_text(json.dumps(found, indent=2) + "\n")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.out", description=__doc__)
    parser.add_argument("--destinations", type=int, nargs="*", default=[1, 20, 200], help="default: 1 20 200")
    parser.add_argument("--dead", type=int, nargs="*", default=[20, 200], help="destinations, a tenth of them dead")
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2], help="processes (default: 1 2)")
    parser.add_argument("--messages", type=int, default=2000, help="in each phase (default: 2000)")
    parser.add_argument("--senders", type=int, default=32, help="connections (default: 32)")
    parser.add_argument("--size", type=int, default=8192, help="octets of a message (default: 8192)")
    parser.add_argument("--json", type=Path, help="write the figures to this file, too")
    return parser.parse_args()


if __name__ == "__main__":
    main()
