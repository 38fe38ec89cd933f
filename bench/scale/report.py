"""What scale found, as JSON and as tables: a column for each stock, a row for each step."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from bench.report import share_of
from bench.run import Observed, together

_SHARES = (50, 99)
_WIDE = 16


def cycle(rounds: Sequence[Observed]) -> dict[str, Any]:
    """Return rounds of one kind as figures: latencies in milliseconds, CPU in microseconds a cycle."""
    seen = together(rounds)
    return {
        "cycles a second": seen.cycles / seen.seconds,
        "load generator": seen.client_cpu / seen.cycles * 1e6,
        "all servers": seen.server_cpu / seen.cycles * 1e6,
        **{f"cpu {name}": seconds / seen.cycles * 1e6 for name, seconds in seen.cpu.items()},
        **{
            f"ms {word} p{share}": share_of(seen.latencies[word], share) * 1e3
            for word in ("accepted", "done")
            for share in _SHARES
        },
    }


def as_text(found: Mapping[str, Any]) -> str:
    """Return every part that was run."""
    parts = {"growth": _growth, "crowd": _crowd, "disk": _disk}
    lines = [f"{found['at']}  {found['machine']}, load {found['load']:.1f} before"]
    for name, table in parts.items():
        if name in found:
            lines += ["", *table(found[name])]
    return "\n".join(lines) + "\n"


def _growth(found: Mapping[str, Any]) -> Iterator[str]:
    yield _row("messages in the mailbox", found)
    yield from _steps(found)


def _crowd(found: Mapping[str, Any]) -> Iterator[str]:
    yield f"filled in {found['filled in']:.0f} s, {found['database'] / 1e9:.1f} GB"
    yield _row("64 users", found["cycle"])
    yield from _figures(found["cycle"])
    yield _row("one at a time", found["steps"])
    yield from _steps(found["steps"])
    for words, walk in zip(("with what is due", "again"), found["expiry"], strict=True):
        yield f"expiry's walk, {words}: " + ", ".join(f"{name} {number:.2f}" for name, number in walk.items())


def _disk(found: Mapping[str, Any]) -> Iterator[str]:
    yield f"every sync {found['microseconds'] / 1000:.1f} ms longer"
    for users, sides in found.items():
        if users != "microseconds":
            yield _row(f"{users} users", sides)
            yield from _figures(sides)


def _steps(columns: Mapping[str, Mapping[str, Mapping[str, float]]]) -> Iterator[str]:
    """A line for each figure of each step: milliseconds, and CPU of all that took part."""
    for step, figures in next(iter(columns.values())).items():
        for figure in ("ms p50", "ms p99", "cpu postgres", "cpu imap", "cpu submission"):
            if figure in figures:
                yield _row(f"{step}, {figure}", [f"{column[step][figure]:.1f}" for column in columns.values()])


def _figures(columns: Mapping[str, Mapping[str, float]]) -> Iterator[str]:
    for figure in next(iter(columns.values())):
        yield _row("  " + figure, [f"{column[figure]:.1f}" for column in columns.values()])


def _row(title: str, cells: Mapping[str, Any] | Sequence[str]) -> str:
    return f"{title:<44}" + "".join(f"{cell:>{_WIDE}}" for cell in cells)
