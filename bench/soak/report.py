"""The soak's verdicts as text, and every column of every sample as JSON."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.soak.samples import Sample
from bench.soak.trend import Trend, trend

MEGABYTE = 1e6
FLAT = "flat"
# What a column is counted in, and less than how much of it an hour is nothing.
UNITS = {
    "anon": (MEGABYTE, "MB", 1.0),
    "pss": (MEGABYTE, "MB", 1.0),
    "rss": (MEGABYTE, "MB", 1.0),
    "files": (1, "descriptors", 2.0),
    "processes": (1, "processes", 1.0),
    "table": (MEGABYTE, "MB", 0.5),
    "index": (MEGABYTE, "MB", 0.5),
    "database": (MEGABYTE, "MB", 1.0),
    "valkey": (1, "", 50_000.0),
    "connections": (1, "connections", 1.0),
    "messages": (1, "messages", 50.0),
    "bodies": (1, "bodies", 50.0),
    "load": (1, "ms", 1.0),
}
# What grows because it is kept for longer than a soak lasts; docs/storage.md has the times.
KEPT = {
    "receipt": "kept seven days",
    "mailbox_change": "kept a day",
    "barred": "kept for good: one row an account that an operator deletes",
    "database": "by what is kept",
}


def trends(samples: Sequence[Sample], settle: float) -> dict[str, Trend]:
    """Return the trend of every column after the first `settle` minutes."""
    late = [sample for sample in samples if sample["minutes"] >= settle]
    if len(late) < 4:
        return {}
    names = sorted(set.intersection(*(set(sample) for sample in late)) - {"minutes"})
    minutes = [sample["minutes"] for sample in late]
    return {name: trend(minutes, [sample[name] for sample in late]) for name in names}


def as_json(samples: Sequence[Sample], found: Mapping[str, Trend], head: Mapping[str, Any]) -> dict[str, Any]:
    """Return every column that ever changed, as lists in the order of the samples."""
    names = dict.fromkeys(name for sample in samples for name in sample)
    columns = {name: [round(sample[name], 4) if name in sample else None for sample in samples] for name in names}
    moving = {name: values for name, values in columns.items() if len(set(values) - {None}) > 1}
    return {**head, "verdicts": {name: _verdict(name, one) for name, one in found.items()}, "samples": moving}


def as_text(found: Mapping[str, Trend]) -> str:
    """Return a line for each column that grows, and one that names those that do not."""
    told = {name: _verdict(name, one) for name, one in found.items() if _kind(name) in UNITS}
    lines = [f"{'':<36}{'first':>12}{'last':>12}"]
    for name, verdict in told.items():
        if verdict != FLAT:
            scale, one = UNITS[_kind(name)][0], found[name]
            lines.append(f"{name:<36}{one.first / scale:>12.2f}{one.last / scale:>12.2f}  {verdict}")
    lines.append("flat: " + ", ".join(name for name, verdict in told.items() if verdict == FLAT))
    return "\n".join(lines) + "\n"


def written(report: Mapping[str, Any], file: Path) -> None:
    """Write the report with one column a line, so that it stays readable."""
    columns = ",\n".join(f"  {json.dumps(name)}: {json.dumps(values)}" for name, values in report["samples"].items())
    head = json.dumps({name: value for name, value in report.items() if name != "samples"}, indent=1)
    file.write_text(f'{head[:-2]},\n "samples": {{\n{columns}\n }}\n}}\n')


def _verdict(name: str, one: Trend) -> str:
    scale, unit, floor = UNITS.get(_kind(name), (1, "", 0.0))
    if one.is_flat(floor * scale):
        return FLAT
    if one.has_settled(floor * scale):
        return f"grew by {one.last / scale - one.first / scale:.2f} {unit}, flat in the second half"
    words = f"grows by {one.slope / scale:.2f} {unit} an hour (late: {one.late_slope / scale:.2f})"
    reason = next((why for what, why in KEPT.items() if what in name), "")
    return f"{words}, {reason}" if reason else words


def _kind(name: str) -> str:
    return name.partition(" ")[0]
