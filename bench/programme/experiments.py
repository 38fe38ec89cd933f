"""The programme: every experiment by name, what one line says of it, and how it is run."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from bench.loop import Timing
from bench.programme import (
    cycle,
    fan_out,
    idle,
    inbound,
    logins,
    outbound,
    processes,
    registration,
    submission,
)
from bench.programme.case import Case


@dataclass(frozen=True, slots=True)
class Experiment:
    """`what` one thing is that is counted; those that take minutes are run only where they are named."""

    what: str
    run: Callable[[Timing], list[Case]]
    is_long: bool = False


EXPERIMENTS: Mapping[str, Experiment] = {
    "cycle": Experiment("a message sent, heard of, fetched and removed; TLS", cycle.run),
    "submission": Experiment("a message of 8 KB accepted at 465", submission.run),
    "fan-out": Experiment("a message of 8 KB to so many recipients here", fan_out.run),
    "logins": Experiment("a connection, a whole TLS handshake and a login", logins.run),
    "inbound": Experiment("a signed message of 8 KB accepted at 25", inbound.run),
    "outbound": Experiment("a message of 8 KB to so many other servers, accepted, then delivered", outbound.run),
    "registration": Experiment("an address given, each on a connection of its own", registration.run),
    "processes": Experiment("a cycle at 64 users, with so many processes a service", processes.run),
    "idle": Experiment("10 000 idle phones, a second of each (takes five minutes)", idle.run, is_long=True),
}
