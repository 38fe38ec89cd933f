"""What one case of an experiment showed, as it stands in the JSON."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from os import getloadavg
from typing import Any

from bench.report import SHARES, share_of
from bench.run import Observed


@dataclass(frozen=True, slots=True)
class Case:
    """`count` things done in so many seconds; CPU and latencies in seconds, memory in octets.

    `numbers` are what only this experiment tells, by words that name their unit.
    """

    title: str
    count: int
    seconds: float
    cpu: Mapping[str, float]
    client_cpu: float = 0.0
    latencies: Mapping[str, Sequence[float]] = field(default_factory=dict)
    memory: Mapping[str, int] = field(default_factory=dict)
    numbers: Mapping[str, float] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """Return it with CPU in microseconds for one, latencies in milliseconds, memory in MB."""
        cpu = {name: used / self.count * 1e6 for name, used in self.cpu.items()}
        server_cpu = sum(cpu.values())
        return {
            "title": self.title,
            "count": self.count,
            "a_second": self.count / self.seconds,
            "a_core_second": 1e6 / server_cpu if server_cpu else 0.0,
            "milliseconds": {word: _shares(values) for word, values in self.latencies.items() if values},
            "cpu": cpu,
            "server_cpu": server_cpu,
            "client_cpu": self.client_cpu / self.count * 1e6,
            "memory_mb": sum(self.memory.values()) / 1e6,
            "numbers": dict(self.numbers),
            "load": getloadavg()[0],
        }


def case(title: str, seen: Observed, numbers: Mapping[str, float] | None = None) -> Case:
    """Make a case of what a load generator and the servers showed."""
    return Case(
        title=title,
        count=seen.cycles,
        seconds=seen.seconds,
        cpu=seen.cpu,
        client_cpu=seen.client_cpu,
        latencies=seen.latencies,
        memory=seen.memory,
        numbers=numbers or {},
    )


def _shares(values: Sequence[float]) -> dict[str, float]:
    return {f"p{share}": share_of(values, share) * 1e3 for share in SHARES}
