"""Figures as a table to read, a column for each server and one for ours as a share of the other's."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from os import getloadavg
from typing import Any

from bench.report import machine

Found = Mapping[str, Any]
MB = 1e6
KB = 1e3

GOALS = "goals: 450 MB in all, 50 KB a client, wake p99 100 ms, 1000 logins a core second of imap"


def as_json(runs: Sequence[Found], settings: Mapping[str, object]) -> dict[str, Any]:
    """Return everything that is printed."""
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine(),
        "load": getloadavg()[0],
        "settings": dict(settings),
        "runs": list(runs),
    }


def as_text(report: Mapping[str, Any]) -> str:
    """Return the report as a table."""
    runs, clients = report["runs"], report["settings"]["clients"]
    lines = [
        f"{report['at']}  {report['machine']}, load {report['load']:.1f} at the end",
        "settings: " + " ".join(f"{name}={value}" for name, value in report["settings"].items()),
        GOALS,
        "",
        _row("", [run["server"] for run in runs], "ratio" if len(runs) > 1 else ""),
    ]
    lines += [_figure(title, look, runs) for title, look in _figures(clients)]
    return "\n".join(lines) + "\n"


def _figures(clients: int) -> list[tuple[str, Callable[[Found], float | None]]]:
    return [
        ("memory before clients, MB (PSS)", lambda run: run["base"] / MB),
        ("memory with clients, MB", lambda run: run["memory"] / MB),
        ("  a client, KB", lambda run: (run["memory"] - run["base"]) / clients / KB),
        ("  after both storms, a client, KB", lambda run: (run["after"] - run["base"]) / clients / KB),
        ("idle, CPU a client and second, µs", lambda run: _speaking(run, run["idle"]) / clients * 1e6),
        ("  share of a core, all servers, %", lambda run: sum(run["idle"]["cpu"].values()) * 100),
        ("  keep-alives meanwhile", lambda run: run["idle"]["kept_alive"]),
        ("kept alive, CPU a client and second, µs", lambda run: _speaking(run, run["kept"]) / clients * 1e6),
        ("  keep-alives meanwhile", lambda run: run["kept"]["kept_alive"]),
        ("wake, submission's 250 to EXISTS, ms p50", lambda run: _share(run, "wake", "p50")),
        ("  p99", lambda run: _share(run, "wake", "p99")),
        ("wake, APPEND's OK to EXISTS, ms p50", lambda run: _share(run, "wake_append", "p50")),
        ("  p99", lambda run: _share(run, "wake_append", "p99")),
        *_storm_figures("first", "first connections"),
        *_storm_figures("storm", "storm"),
        *_storm_figures("resumed", "storm, TLS resumed"),
        ("NOOP, quiet, ms p50", lambda run: _noop(run, "quiet", "p50")),
        *_noop_figures("storm_noops", "NOOP in the storm"),
        *_noop_figures("slow_quiet", "NOOP before slow readers"),
        *_noop_figures("slow_noops", "NOOP beside slow readers"),
        ("slow readers, MB more than before", lambda run: (run["slow_peak"] - run["slow_base"]) / MB),
        ("  MB they read", lambda run: run["slow"]["octets"] / MB),
        ("  cut off", lambda run: run["slow"]["lost"]),
    ]


def _storm_figures(key: str, title: str) -> list[tuple[str, Callable[[Found], float | None]]]:
    return [
        (f"{title}, logins a second", lambda run: run[key]["a_second"]),
        ("  logins a core second, what speaks IMAP", lambda run: run[key]["a_core_second"]),
        ("  logins a core second, all servers", lambda run: run[key]["a_core_second_all"]),
        ("  one login and SELECT, ms p99", lambda run: run[key]["took"]["p99"]),
        ("  (the load's CPU a login, µs)", lambda run: run[key]["client_cpu"]),
    ]


def _noop_figures(key: str, title: str) -> list[tuple[str, Callable[[Found], float | None]]]:
    return [
        (f"{title}, ms p50", lambda run: _noop(run, key, "p50")),
        ("  p99", lambda run: _noop(run, key, "p99")),
        ("  max", lambda run: _noop(run, key, "max")),
        ("  (the client itself late, p99)", lambda run: run[key]["lags"].get("p99")),
    ]


def _speaking(run: Found, phase: Found) -> float:
    used: Mapping[str, float] = phase["cpu"]
    return sum(used[name] for name in run["imap"])


def _share(run: Found, key: str, share: str) -> float | None:
    found: Mapping[str, float] = run.get(key, {})
    return found.get(share)


def _noop(run: Found, key: str, share: str) -> float | None:
    found: Mapping[str, float] = run[key]["noops"]
    return found.get(share)


def _figure(title: str, look: Callable[[Found], float | None], runs: Sequence[Found]) -> str:
    values = [look(run) for run in runs]
    first, last = values[0], values[-1]
    ratio = f"{first / last:.2f}" if len(values) > 1 and first is not None and last else ""
    return _row(title, ["" if value is None else _number(value) for value in values], ratio)


def _number(value: float) -> str:
    return f"{value:.0f}" if value >= 100 or value == int(value) else f"{value:.1f}"


def _row(title: str, cells: Sequence[str], ratio: str) -> str:
    return f"{title:<44}" + "".join(f"{cell:>12}" for cell in cells) + f"{ratio:>10}"
