"""Ten thousand idle phones, the wake of one and a storm of reconnects, by the pieces of `make bench-imap`."""

from collections.abc import Mapping
from typing import Any

from bench.imap import world
from bench.imap.run import Wanted, measure
from bench.loop import Timing
from bench.programme.case import Case

MB, KB = 1e6, 1e3


def run(timing: Timing) -> list[Case]:
    """Measure our suite alone; its windows are minutes, so the time of a case is no measure here."""
    wanted = Wanted(idle=max(20.0, timing.seconds))
    with world.ours(wanted.users) as server:
        found = measure(server, wanted)
    return [_case(wanted.clients, found)]


def _case(clients: int, found: Mapping[str, Any]) -> Case:
    idle: Mapping[str, float] = found["idle"]["cpu"]
    numbers = {
        "memory of imap with all, MB": found["memory"] / MB,
        "a client, KB": (found["memory"] - found["base"]) / clients / KB,
        "a client after two storms, KB": (found["after"] - found["base"]) / clients / KB,
        "idle: share of a core, %": sum(idle.values()) * 100,
        "wake p50, ms": found["wake"]["p50"],
        "wake p99, ms": found["wake"]["p99"],
        "storm: logins a second": found["storm"]["a_second"],
        "storm: logins a core second of imap": found["storm"]["a_core_second"],
    }
    return Case(f"{clients} clients, idle", clients, 1.0, idle, numbers=numbers)
