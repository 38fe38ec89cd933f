"""Mail to 1, 20 and 200 other servers, by the pieces of `make bench-out`: accepted, then drained with nothing warm."""

from bench.loop import Timing
from bench.out.run import Figures, Phase, measure
from bench.out.world import Places
from bench.programme.case import Case
from bench.programme.job import SIZE

DESTINATIONS = (1, 20, 200)
SENDERS, WORKERS = 32, 1
A_SECOND = 125  # messages to send, so that a phase takes but a part of the time an experiment may take


def run(timing: Timing) -> list[Case]:
    """Measure each number of destinations."""
    messages = int(A_SECOND * timing.seconds)
    found = [measure(Places(number, 0), WORKERS, messages, SENDERS, SIZE) for number in DESTINATIONS]
    return [one for figures in found for one in _cases(figures)]


def _cases(figures: Figures) -> list[Case]:
    to = f"to {figures.places.alive}"
    return [
        _case(f"{to}: accept", figures.accept, figures),
        _case(f"{to}: drain", figures.drain),
    ]


def _case(title: str, phase: Phase, accepting: Figures | None = None) -> Case:
    return Case(
        title=title,
        count=phase.messages,
        seconds=phase.seconds,
        cpu=phase.cpu,
        client_cpu=accepting.client_cpu if accepting else 0.0,
        latencies={"done": accepting.accepted} if accepting else {},
        numbers={} if accepting else {"messages a connection": phase.messages / max(1, phase.connections)},
    )
