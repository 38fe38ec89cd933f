"""The programme as a table an experiment to read, and as JSON to keep."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from os import getloadavg
from typing import Any

from bench.report import SHARES, machine

_NARROW, _WIDE = 42, 22


def beginning(settings: Mapping[str, object], remark: str) -> dict[str, Any]:
    """Return the head of a report, to which experiments are added."""
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine(),
        "load": getloadavg()[0],
        "remark": remark,
        "settings": dict(settings),
        "experiments": {},
    }


def head(report: Mapping[str, Any]) -> str:
    """Return what a reader must know before the tables."""
    lines = [f"{report['at']}  {report['machine']}, load {report['load']:.1f} before", report["remark"]]
    lines.append("settings: " + " ".join(f"{name}={value}" for name, value in report["settings"].items()))
    return "\n".join(line for line in lines if line) + "\n"


def table(name: str, experiment: Mapping[str, Any]) -> str:
    """Return one experiment, a column for each case."""
    cases = experiment["cases"]
    lines = [f"{name}: {experiment['what']}", _row("", [case["title"] for case in cases])]
    lines += [
        _numbers("a second", [case["a_second"] for case in cases]),
        *(_latencies(word, cases) for word in _words(case["milliseconds"] for case in cases)),
        _numbers("server CPU, µs each", [case["server_cpu"] for case in cases]),
        *(_numbers(f"  {part}", [case["cpu"].get(part) for case in cases]) for part in _parts(cases)),
        _numbers("a core second of the servers'", [case["a_core_second"] for case in cases]),
        _numbers("(load generator, µs each)", [case["client_cpu"] for case in cases]),
        _numbers("memory after it, MB", [case["memory_mb"] or None for case in cases]),
    ]
    titles = _words(case["numbers"] for case in cases)
    lines += [_numbers(title, [case["numbers"].get(title) for case in cases]) for title in titles]
    return "\n".join(lines) + "\n"


def _parts(cases: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the components that did anything worth a line."""
    return _words([name for name, used in case["cpu"].items() if used >= 1] for case in cases)


def _words(of_cases: Iterable[Iterable[str]]) -> list[str]:
    """Return all words of all cases, each once, in the order in which they come."""
    return list(dict.fromkeys(word for words in of_cases for word in words))


def _latencies(word: str, cases: Sequence[Mapping[str, Any]]) -> str:
    found = [case["milliseconds"].get(word) for case in cases]
    cells = ["/".join(f"{one[f'p{share}']:.1f}" for share in SHARES) if one else "" for one in found]
    return _row(f"{word}, ms p50/p95/p99", cells)


def _numbers(title: str, values: Sequence[float | None]) -> str:
    return _row(
        title, ["" if value is None else f"{value:.0f}" if value >= 100 else f"{value:.1f}" for value in values]
    )


def _row(title: str, cells: Sequence[str]) -> str:
    return f"{title:<{_NARROW}}" + "".join(f"{cell:>{_WIDE}}" for cell in cells)
