"""Figures as a table to read and as JSON to compare."""

import platform
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from os import cpu_count, getloadavg
from typing import Any

from bench.run import Figures

WORDS = {
    "accepted": "accept (MAIL to 250)",
    "told": "MAIL to EXISTS",
    "after": "accept to readable",
    "readable": "MAIL to readable",
    "done": "whole cycle",
}
SHARES = (50, 95, 99)


def as_json(runs: Sequence[Figures], settings: Mapping[str, str]) -> dict[str, Any]:
    """Return everything that is printed."""
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine(),
        "load": getloadavg()[0],
        "settings": dict(settings),
        "runs": [_run(figures) for figures in runs],
    }


def as_text(report: Mapping[str, Any]) -> str:
    """Return the report as tables, a column for each number of users."""
    runs = report["runs"]
    lines = [
        f"{report['at']}  {report['machine']}, load {report['load']:.1f} before and with the runs",
        "TLS on both sides, one message in flight a user, kept connections",
        "settings: " + " ".join(f"{name}={value}" for name, value in report["settings"].items()),
        "",
        _row("users", [run["users"] for run in runs]),
        _row("cycles a second", [f"{run['cycles_a_second']:.0f}" for run in runs]),
        "",
    ]
    for word, title in WORDS.items():
        cells = ["/".join(f"{run['milliseconds'][word][f'p{share}']:.1f}" for share in SHARES) for run in runs]
        lines.append(_row(f"{title}, ms p50/p95/p99", cells))
    lines += ["", "CPU, microseconds a cycle"]
    lines += [_row("  " + name, [f"{run['cpu'][name]:.0f}" for run in runs]) for name in runs[0]["cpu"]]
    lines.append(_row("  all servers", [f"{run['server_cpu']:.0f}" for run in runs]))
    lines.append(_row("  (load generator)", [f"{run['client_cpu']:.0f}" for run in runs]))
    ratios = [f"{run['server_cpu'] / run['client_cpu']:.2f}" for run in runs]
    lines.append(_row("  all servers / load generator", ratios))
    lines += ["", "memory after the run, MB as PSS"]
    lines += [_row("  " + name, [f"{run['memory'][name] / 1e6:.0f}" for run in runs]) for name in runs[0]["memory"]]
    lines += ["", _row("WAL, octets a message", [f"{run['wal']:.0f}" for run in runs])]
    for name in runs[0]["batches"]:
        lines.append(_row(f"messages a batch, {name}", [f"{run['batches'][name]:.1f}" for run in runs]))
    return "\n".join(lines) + "\n"


def machine() -> str:
    """Say what the figures were measured on."""
    return f"{cpu_count()} CPUs, {platform.system()} {platform.machine()}, Python {platform.python_version()}"


def share_of(values: Sequence[float], share: int) -> float:
    """Return the value below or at which `share` percent of all lie."""
    ordered = sorted(values)
    return ordered[max(0, -(-len(ordered) * share // 100) - 1)]


def _run(figures: Figures) -> dict[str, Any]:
    cycles = figures.cycles
    latencies = dict(figures.latencies)
    pairs = zip(latencies["readable"], latencies["accepted"], strict=True)
    latencies["after"] = [readable - accepted for readable, accepted in pairs]
    return {
        "users": figures.users,
        "cycles": cycles,
        "cycles_a_second": cycles / figures.seconds,
        "milliseconds": {
            word: {f"p{share}": share_of(latencies[word], share) * 1e3 for share in SHARES} for word in WORDS
        },
        "cpu": {name: seconds / cycles * 1e6 for name, seconds in figures.cpu.items()},
        "server_cpu": figures.server_cpu / cycles * 1e6,
        "client_cpu": figures.client_cpu / cycles * 1e6,
        "memory": dict(figures.memory),
        "wal": figures.wal,
        "batches": dict(figures.batches),
    }


def _row(title: str, cells: Sequence[object]) -> str:
    return f"{title:<40}" + "".join(f"{cell!s:>20}" for cell in cells)
