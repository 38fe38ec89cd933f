"""`make bench-imap`: ten thousand idle phones, a storm of their reconnects, and slow readers; beside Dovecot."""

import argparse
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bench.imap import report, world
from bench.imap.run import Wanted, measure

SERVERS = {"ours": world.ours, "dovecot": world.dovecot}


def main() -> None:
    """Run the same load against each server, one after the other, and print what was measured."""
    chosen = _arguments()
    wanted = Wanted(clients=chosen.clients, idle=chosen.idle, keep_alive=chosen.keep_alive, readers=chosen.readers)
    runs: list[dict[str, Any]] = []
    for name in chosen.servers:
        runs.append(_run(name, wanted))
        found = report.as_json(runs, {**asdict(wanted), **world.SETTINGS})
        if chosen.json:
            chosen.json.write_text(json.dumps(found, indent=2) + "\n")
    print(report.as_text(found))


def _run(name: str, wanted: Wanted) -> dict[str, Any]:
    with SERVERS[name](wanted.users) as server:
        return measure(server, wanted)


def _arguments() -> argparse.Namespace:
    usual = Wanted()
    parser = argparse.ArgumentParser(prog="python -m bench.imap", description=__doc__)
    parser.add_argument("--servers", nargs="+", choices=SERVERS, default=list(SERVERS), help="default: both")
    parser.add_argument("--clients", type=int, default=usual.clients, help=f"default: {usual.clients}")
    parser.add_argument("--idle", type=float, default=usual.idle, help="seconds of each idle window (default: 60)")
    parser.add_argument(
        "--keep-alive", type=float, default=usual.keep_alive, help="seconds to a keep-alive (default: 120)"
    )
    parser.add_argument("--readers", type=int, default=usual.readers, help=f"slow ones (default: {usual.readers})")
    parser.add_argument("--json", type=Path, help="write the figures to this file, too")
    return parser.parse_args()


if __name__ == "__main__":
    main()
