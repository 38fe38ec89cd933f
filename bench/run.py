"""One run: a number of users against a suite, and everything that is measured about it."""

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bench import accounting, database
from bench.client import Job
from tests.suite import Suite

ROOT = Path(__file__).parent.parent
PATIENCE = 60.0  # seconds for connecting and for the last cycles


@dataclass(frozen=True, slots=True)
class Figures:
    """What a run measured; latencies in seconds and in no order, CPU in seconds, memory and WAL in octets."""

    users: int
    seconds: float
    latencies: Mapping[str, list[float]]
    cpu: Mapping[str, float]
    client_cpu: float
    memory: Mapping[str, int]
    wal: float  # a message
    batches: Mapping[str, float]  # messages in one statement

    @property
    def cycles(self) -> int:
        return len(self.latencies["done"])

    @property
    def server_cpu(self) -> float:
        return sum(self.cpu.values())


def measure(suite: Suite, job: Job) -> Figures:
    """Run the load generator against the suite and measure both."""
    roots = _roots(suite)
    before = database.counted(suite.owner_url)
    figures = suite.folder / "figures.json"
    client = _start(job, figures)
    _await(client, "begin")
    at_begin = accounting.cpu(roots)
    _await(client, "end")
    at_end = accounting.cpu(roots)
    found = _finish(client, figures)
    after = database.counted(suite.owner_url)
    left = database.messages_left(suite.owner_url)
    assert left == 0, f"{left} messages were not removed"
    cycles = found.pop("all_cycles")
    return Figures(
        users=job.users,
        seconds=found.pop("seconds"),
        client_cpu=found.pop("cpu"),
        latencies=found,
        cpu={name: at_end[name] - at_begin[name] for name in roots},
        memory=accounting.memory(roots),
        wal=(after.wal - before.wal) / cycles,
        batches={name: cycles / max(1, after.calls[name] - before.calls[name]) for name in after.calls},
    )


def _roots(suite: Suite) -> dict[str, int]:
    status = suite.status
    return {**status["services"], **status["servers"]}


def _start(job: Job, figures: Path) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "bench.client", json.dumps(asdict(job)), str(figures)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)


def _await(client: "subprocess.Popen[str]", word: str) -> None:
    assert client.stdout
    line = client.stdout.readline()
    assert line == f"{word}\n", f"the load generator ended with {client.wait(PATIENCE)}, see above"


def _finish(client: "subprocess.Popen[str]", figures: Path) -> dict[str, Any]:
    assert client.wait(PATIENCE) == 0, "the load generator failed, see above"
    found: dict[str, Any] = json.loads(figures.read_text())
    return found
