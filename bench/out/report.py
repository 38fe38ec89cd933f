"""Outbound figures as a table to read and as JSON to compare."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from os import getloadavg
from typing import Any

from bench.out.run import Figures, Phase
from bench.report import machine, share_of

WORKER = ("queue-worker", "postgres", "valkey")
SERVERS = ("submission", *WORKER)
PHASES = ("accept", "drain", "flow")
COUNTED = ("lease", "claim", "sign", "settle", "release")

Run = Mapping[str, Any]


def as_json(runs: Sequence[Figures], settings: Mapping[str, str]) -> dict[str, Any]:
    """Return everything that is printed; CPU in microseconds a message."""
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine(),
        "load": getloadavg()[0],
        "settings": dict(settings),
        "runs": [_run(figures) for figures in runs],
    }


def as_text(report: Mapping[str, Any]) -> str:
    """Return the report as tables, a column for each run."""
    runs = report["runs"]
    lines = [
        f"{report['at']}  {report['machine']}, load {report['load']:.1f} before and with the runs",
        "one recipient a message, STARTTLS, signed with rsa and ed25519, one message in flight a sender",
        "settings: " + " ".join(f"{name}={value}" for name, value in report["settings"].items()),
        "",
        _row("destinations alive + dead", runs, lambda run: f"{run['alive']} + {run['dead']}"),
        _row("workers", runs, lambda run: run["workers"]),
    ]
    for phase in PHASES:
        lines += ["", *_phase(phase, runs)]
    return "\n".join(lines) + "\n"


def _phase(phase: str, runs: Sequence[Run]) -> list[str]:
    lines = [_row(f"{phase}: messages a second", runs, lambda run: f"{run[phase]['rate']:.0f}")]
    if phase == "accept":
        lines.append(_row("  MAIL to 250, ms p50", runs, lambda run: f"{run['accept_ms']['p50']:.1f}"))
    lines += [_cpu(phase, name, runs) for name in SERVERS]
    if phase == "drain":
        lines.append(_row("  all in: worker + Postgres + Valkey", runs, lambda run: f"{run[phase]['all_in']:.0f}"))
    else:
        lines.append(_row("  all servers", runs, lambda run: f"{run[phase]['all_servers']:.0f}"))
    if phase != "accept":
        lines += [_calls(phase, name, runs) for name in COUNTED]
        lines.append(_row("  messages a connection", runs, lambda run: f"{run[phase]['a_connection']:.1f}"))
    return lines


def _cpu(phase: str, name: str, runs: Sequence[Run]) -> str:
    return _row(f"  {name}, us CPU a message", runs, lambda run: f"{run[phase]['cpu'][name]:.0f}")


def _calls(phase: str, name: str, runs: Sequence[Run]) -> str:
    return _row(f"  {name}, a message", runs, lambda run: f"{run[phase]['calls'].get(name, 0):.3f}")


def _run(figures: Figures) -> dict[str, Any]:
    return {
        "alive": figures.places.alive,
        "dead": figures.places.dead,
        "workers": figures.workers,
        "client_cpu": figures.client_cpu / figures.accept.messages * 1e6,
        "accept_ms": {f"p{share}": share_of(figures.accepted, share) * 1e3 for share in (50, 95, 99)},
        **{name: _of(getattr(figures, name)) for name in PHASES},
    }


def _of(phase: Phase) -> dict[str, Any]:
    cpu = {name: seconds / phase.messages * 1e6 for name, seconds in phase.cpu.items()}
    return {
        "messages": phase.messages,
        "seconds": phase.seconds,
        "rate": phase.messages / phase.seconds,
        "cpu": cpu,
        "all_in": sum(cpu[name] for name in WORKER),
        "all_servers": sum(cpu.values()),
        "calls": {name: number / phase.messages for name, number in phase.calls.items() if number},
        "a_connection": phase.messages / max(1, phase.connections),
    }


def _row(title: str, runs: Sequence[Run], cell: Callable[[Run], object]) -> str:
    return f"{title:<40}" + "".join(f"{cell(run)!s:>12}" for run in runs)
