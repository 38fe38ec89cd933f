"""One run: a number of users against a suite, and everything that is measured about it."""

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from bench import accounting, database
from bench.client import Job
from bench.loop import Load, Timing
from tests.suite import Suite

ROOT = Path(__file__).parent.parent
PATIENCE = 60.0  # seconds for connecting and for the last cycles


@dataclass(frozen=True, slots=True)
class Observed:
    """What a run showed of any server; latencies in seconds and in no order, CPU in seconds, memory in octets."""

    users: int
    seconds: float
    latencies: Mapping[str, list[float]]
    cpu: Mapping[str, float]
    client_cpu: float
    memory: Mapping[str, int]
    written: float  # octets to the disk, a message, by whoever wrote
    all_cycles: int  # those before and after the time that was measured among them

    @property
    def cycles(self) -> int:
        return len(self.latencies["done"])

    @property
    def server_cpu(self) -> float:
        return sum(self.cpu.values())


@dataclass(frozen=True, slots=True)
class Figures(Observed):
    """What a run showed of our suite, WAL in octets a message as well."""

    wal: float
    batches: Mapping[str, float]  # messages in one statement


def measure(suite: Suite, job: Job) -> Figures:
    """Run the load generator against the suite and measure both."""
    before = database.counted(suite.owner_url)
    seen = observe(components(suite), job, suite.folder)
    after = database.counted(suite.owner_url)
    left = database.messages_left(suite.owner_url)
    assert left == 0, f"{left} messages were not removed"
    return Figures(
        **{one.name: getattr(seen, one.name) for one in fields(seen)},
        wal=(after.wal - before.wal) / seen.all_cycles,
        batches={name: seen.all_cycles / max(1, after.calls[name] - before.calls[name]) for name in after.calls},
    )


def job_for(suite: Suite, users: int, size: int, timing: Timing, *, is_pipelining: bool = False) -> Job:
    """Return what users who write to themselves are to do at a suite."""
    return Job(
        warm_up=timing.warm_up,
        seconds=timing.seconds,
        users=users,
        host=suite.address,
        submissions=suite.ports["port_submissions"],
        imaps=suite.ports["port_imaps"],
        domain=suite.domain,
        size=size,
        is_pipelining=is_pipelining,
    )


def observe(roots: Mapping[str, int], load: Load, folder: Path, generator: str = "bench.client") -> Observed:
    """Run a load generator and measure it and the servers whose processes are `roots`; its figures go by `folder`."""
    figures = folder / "figures.json"
    client = _start(generator, load, figures)
    _await(client, "begin")
    at_begin, written = accounting.cpu(roots), accounting.written(folder)
    _await(client, "end")
    at_end, written = accounting.cpu(roots), accounting.written(folder) - written
    found = _finish(client, figures)
    return Observed(
        users=load.users,
        seconds=found.pop("seconds"),
        client_cpu=found.pop("cpu"),
        all_cycles=found.pop("all_cycles"),
        latencies=found,
        cpu={name: at_end[name] - at_begin[name] for name in roots},
        memory=accounting.memory(roots),
        written=written / max(1, len(found["done"])),
    )


def components(suite: Suite) -> dict[str, int]:
    """Return the process of each service and server of a suite."""
    status = suite.status
    return {**status["services"], **status["servers"]}


def together(rounds: Sequence[Observed]) -> Observed:
    """Put rounds of one kind together: sums, latencies in one heap, memory as it was at its most."""
    cycles = sum(one.cycles for one in rounds)
    return Observed(
        users=rounds[0].users,
        seconds=sum(one.seconds for one in rounds),
        latencies={name: [value for one in rounds for value in one.latencies[name]] for name in rounds[0].latencies},
        cpu={name: sum(one.cpu[name] for one in rounds) for name in rounds[0].cpu},
        client_cpu=sum(one.client_cpu for one in rounds),
        memory=max((one.memory for one in rounds), key=lambda memory: sum(memory.values())),
        written=sum(one.written * one.cycles for one in rounds) / cycles,
        all_cycles=sum(one.all_cycles for one in rounds),
    )


def _start(generator: str, load: Load, figures: Path) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", generator, json.dumps(asdict(load)), str(figures)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)


def _await(client: "subprocess.Popen[str]", word: str) -> None:
    assert client.stdout
    line = client.stdout.readline()
    assert line == f"{word}\n", f"the load generator ended with {client.wait(PATIENCE)}, see above"


def _finish(client: "subprocess.Popen[str]", figures: Path) -> dict[str, Any]:
    assert client.wait(PATIENCE) == 0, "the load generator failed, see above"
    found: dict[str, Any] = json.loads(figures.read_text())
    return found
