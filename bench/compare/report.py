"""What a comparison found, as tables to read and as JSON to keep: a table for each number of users, a column a side.

Rounds of one side and one number of users are put together: sums over sums, latencies in one heap.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from os import getloadavg
from typing import Any

from bench.compare.sides import Side
from bench.report import SHARES, machine, share_of
from bench.run import Observed, together

LATENCIES = {"accepted": "accept (MAIL to 250)", "after": "accept to readable", "done": "whole cycle"}
_WIDE = 22


def as_json(
    sides: Sequence[Side],
    found: Mapping[int, Mapping[str, Sequence[Observed]]],
    syncs: Mapping[str, float | None],
    chosen: Mapping[str, object],
) -> dict[str, Any]:
    """Return everything that is printed; `found` are the rounds by users and side, `syncs` are calls a message."""
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine(),
        "load": getloadavg()[0],
        "chosen": dict(chosen),
        "remarks": {side.name: side.remark for side in sides},
        "syncs": dict(syncs),
        "users": {
            str(users): {name: _together(rounds) for name, rounds in by_side.items()}
            for users, by_side in found.items()
        },
    }


def as_text(report: Mapping[str, Any]) -> str:
    """Return the report as tables."""
    lines = [
        f"{report['at']}  {report['machine']}, load {report['load']:.1f}",
        " ".join(f"{name}={value}" for name, value in report["chosen"].items()),
        "TLS on both sides, one message in flight a user, kept connections, in turns; ratios are to the first column",
        *(f"{name}: {remark}" for name, remark in report["remarks"].items() if remark),
    ]
    for users, sides in report["users"].items():
        lines += ["", *_table(users, sides)]
    lines += ["", "syncs a message, in a run of its own under strace (a lower bound where commits are shared)"]
    lines += [f"  {name}: {calls:.2f}" for name, calls in report["syncs"].items() if calls is not None]
    return "\n".join(lines) + "\n"


def _table(users: str, sides: Mapping[str, Mapping[str, Any]]) -> list[str]:
    names, runs = list(sides), list(sides.values())
    lines = [_row(f"{users} users", names), _numbers("cycles a second", runs, "cycles_a_second", 0)]
    for word, title in LATENCIES.items():
        cells = ["/".join(f"{run['milliseconds'][word][f'p{share}']:.1f}" for share in SHARES) for run in runs]
        lines.append(_row(f"{title}, ms p50/p95/p99", cells))
    lines += [
        _numbers("server CPU, µs a message", runs, "server_cpu", 0),
        _numbers("messages a second a core", runs, "messages_a_core", 0),
        _numbers("memory, MB as PSS", runs, "memory_mb", 0),
        _numbers("to the disk (by all), octets a message", runs, "written", 0),
        _row("(load generator, µs a message)", [f"{run['client_cpu']:.0f}" for run in runs]),
    ]
    lines += [
        _row("  " + part, [f"{run['cpu'][part]:.0f}" if part in run["cpu"] else "" for run in runs])
        for part in dict.fromkeys(part for run in runs for part in run["cpu"])
    ]
    return lines


def _numbers(title: str, runs: Sequence[Mapping[str, Any]], word: str, digits: int) -> str:
    first = runs[0][word]
    cells = [f"{run[word]:.{digits}f}" if run[word] else "" for run in runs]
    for at, run in enumerate(runs[1:], 1):
        if run[word] and first:
            cells[at] += f" ({run[word] / first:.2f}x)"
    return _row(title, cells)


def _together(rounds: Sequence[Observed]) -> dict[str, Any]:
    whole = together(rounds)
    cycles, cpu = whole.cycles, {part: used / whole.cycles * 1e6 for part, used in whole.cpu.items()}
    server_cpu = sum(cpu.values())
    heaps = dict(whole.latencies)
    pairs = zip(heaps["readable"], heaps["accepted"], strict=True)
    heaps["after"] = [readable - accepted for readable, accepted in pairs]
    return {
        "cycles": cycles,
        "cycles_a_second": cycles / whole.seconds,
        "milliseconds": {
            word: {f"p{share}": share_of(heaps[word], share) * 1e3 for share in SHARES} for word in LATENCIES
        },
        "cpu": cpu,
        "server_cpu": server_cpu,
        "messages_a_core": 1e6 / server_cpu if server_cpu else 0.0,
        "client_cpu": whole.client_cpu / cycles * 1e6,
        "memory_mb": sum(whole.memory.values()) / 1e6,
        "written": whole.written,
        "each_round": [sum(one.cpu.values()) / one.cycles * 1e6 for one in rounds],
    }


def _row(title: str, cells: Sequence[object]) -> str:
    return f"{title:<40}" + "".join(f"{cell!s:>{_WIDE}}" for cell in cells)
