"""`make bench-plots`: the newest figures of each kind in bench/results/ as pictures in docs/performance/.

Strategy: the same figures give the same octets (no dates, ids from a fixed salt, letters as paths), so that a picture
changes in the repository only where its figures did. A kind that has no figures yet has no picture. The background is
opaque and light: readable on a page of either colour.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import FormatStrFormatter, LogLocator, NullFormatter, NullLocator

ROOT = Path(__file__).parent.parent
RESULTS, PICTURES = ROOT / "bench/results", ROOT / "docs/performance"
OURS, THEIRS = "the suite", "Postfix + Dovecot"
STYLE: Any = {
    "svg.hashsalt": "chatmail",
    "svg.fonttype": "path",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "axes.axisbelow": True,
    "grid.color": "#dddddd",
    "legend.frameon": False,
}
# Colours that stay apart for everybody (Okabe and Ito).
COLOURS = {
    "submission": "#0072b2",
    "imap": "#56b4e9",
    "postgres": "#009e73",
    "valkey": "#f0e442",
    "others": "#999999",
    "smtp-in": "#cc79a7",
    "queue-worker": "#e69f00",
    "register": "#000000",
    "postfix": "#d55e00",
    "dovecot": "#e69f00",
}
CYCLE, LINES = ("submission", "imap", "postgres", "valkey"), tuple(COLOURS.values())
LIFE = (*CYCLE, "smtp-in", "queue-worker", "register")
TABLES = ("body", "message", "receipt", "mailbox_change")
BESIDE: Any = {"loc": "upper left", "bbox_to_anchor": (1.0, 1.0), "fontsize": 8}
POINTS = 40  # of a line; more would only make the file larger
MB = 1e6

Report = Mapping[str, Any]


def main() -> None:
    """Draw whatever there are figures for."""
    PICTURES.mkdir(exist_ok=True)
    with mpl.rc_context(STYLE):
        for name, (kind, draw) in DRAWN.items():
            found = _newest(kind)
            figure = draw(found) if found else None
            if figure is not None:
                _write(figure, PICTURES / f"{name}.svg")
                print(f"docs/performance/{name}.svg")


def cpu(compare: Report) -> Figure:
    """Stacked bars: server CPU a message by component over the number of users, ours beside theirs, run in turns."""
    figure, axes = _sheet(
        f"Server CPU a message of 8 KB, sent, heard of, fetched and removed ({_day(compare)})\n"
        f"left: the suite, right: {THEIRS}, in turns",
        "simultaneous users",
        "µs of CPU",
    )
    for at, sides in enumerate(compare["users"].values()):
        _bar(axes, at - 0.2, _ours(sides[OURS]))
        _bar(axes, at + 0.2, sides[THEIRS]["cpu"])
    axes.set_xticks(range(len(compare["users"])), list(compare["users"]))
    _explain(axes, (*CYCLE, "others", "postfix", "dovecot"))
    return figure


def cycle(programme: Report) -> Figure | None:
    """Stacked bars: the same of the suite alone, for every case of the programme but those of a megabyte."""
    cases = programme["experiments"].get("cycle", {}).get("cases", [])
    shown = [case for case in cases if "MB" not in case["title"]]
    if not shown:
        return None
    figure, axes = _sheet(
        f"Server CPU of the suite a message, 8 KB unless said otherwise ({_day(programme)}, "
        f"load of the machine {programme['load']:.0f})",
        "simultaneous users",
        "µs of CPU",
    )
    for at, case in enumerate(shown):
        _bar(axes, at, _ours(case))
    titles = [case["title"].replace(" users", "").replace(" user", "").replace(", ", "\n") for case in shown]
    axes.set_xticks(range(len(shown)), titles)
    _explain(axes, (*CYCLE, "others"))
    return figure


def latency(compare: Report) -> Figure:
    """Lines over the number of users: how long until accepted, and from then until readable; run in turns."""
    figure, axes = _sheet(
        f"A message of 8 KB: solid p50, dotted p99; everybody has one in flight all the time ({_day(compare)})",
        "simultaneous users",
        "milliseconds",
    )
    colours = iter((COLOURS["submission"], COLOURS["postgres"], COLOURS["postfix"], COLOURS["dovecot"]))
    users = [int(number) for number in compare["users"]]
    for side in (OURS, THEIRS):
        for word, meaning in (("accepted", "until accepted"), ("after", "then until readable")):
            colour = next(colours)
            for share, style, label in (("p50", "-o", f"{side}: {meaning}"), ("p99", ":", None)):
                values = [sides[side]["milliseconds"][word][share] for sides in compare["users"].values()]
                axes.plot(users, values, style, color=colour, markersize=4, label=label)
    _by_factors(axes, users)
    figure.legend(loc="outside lower center", ncols=2)
    return figure


def growth(scale: Report) -> Figure | None:
    """Lines over the size of a mailbox: how long each step of a client takes in it."""
    columns: Mapping[str, Mapping[str, Mapping[str, float]]] = scale.get("growth", {})
    if not columns:
        return None
    figure, axes = _sheet(
        f"A client's steps in a mailbox that grows, p50 ({_day(scale)})", "messages in the mailbox", "milliseconds"
    )
    sizes = [int(size) for size in columns]
    steps = [step for step, figures in next(iter(columns.values())).items() if "ms p50" in figures]
    for number, step in enumerate(steps):
        values = [column[step]["ms p50"] for column in columns.values()]
        axes.plot(sizes, values, "-o", markersize=4, color=LINES[number % len(LINES)], label=step)
    _by_factors(axes, sizes)
    axes.legend(**BESIDE)
    return figure


def soak(found: Report) -> Figure | None:
    """Lines over the minutes of a soak: memory that is each service's own, and the largest tables."""
    samples: Mapping[str, Sequence[float | None]] = {name: _thin(values) for name, values in found["samples"].items()}
    figure = Figure(figsize=(7.2, 5.4), layout="constrained", facecolor="#ffffff")
    upper, lower = figure.subplots(2, 1, sharex=True)
    upper.set_title(f"Under steady load ({_day(found)}): memory of each service's own", fontsize=9, loc="left")
    lower.set_title("… and the tables with what they store out of line, without indexes", fontsize=9, loc="left")
    lower.set_xlabel("minutes")
    for axes, kind, names in ((upper, "anon", LIFE), (lower, "table", TABLES)):
        for name, colour in zip(names, LINES, strict=False):
            values = [value / MB if value is not None else None for value in samples.get(f"{kind} {name}", [])]
            if values:
                axes.plot(samples["minutes"], values, color=colour, label=name)
        axes.set_ylabel("MB")
        axes.set_ylim(bottom=0)
        axes.legend(**BESIDE)
    return figure


DRAWN: Mapping[str, tuple[str, Callable[[Report], Figure | None]]] = {
    "cpu": ("compare", cpu),
    "latency": ("compare", latency),
    "cycle": ("programme", cycle),
    "growth": ("scale", growth),
    "soak": ("soak", soak),
}


def _write(figure: Figure, file: Path) -> None:
    """Write a picture without the blanks that only make it larger."""
    octets = BytesIO()
    figure.savefig(octets, format="svg", metadata={"Date": None, "Creator": None})
    file.write_bytes(re.sub(rb" *\n *", b"\n", octets.getvalue()))


def _newest(kind: str) -> Report | None:
    files = sorted(RESULTS.glob(f"*-{kind}.json"))
    return json.loads(files[-1].read_text()) if files else None


def _ours(case: Report) -> dict[str, float]:
    used = {name: case["cpu"].get(name, 0.0) for name in CYCLE}
    return {**used, "others": case["server_cpu"] - sum(used.values())}


def _explain(axes: Axes, names: Sequence[str]) -> None:
    axes.legend([Patch(color=COLOURS[name]) for name in names], names, **BESIDE)


def _sheet(title: str, across: str, up: str) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(7.2, 4.0), layout="constrained", facecolor="#ffffff")
    axes = figure.add_subplot(facecolor="#ffffff")
    axes.set_title(title, fontsize=9, loc="left")
    axes.set_xlabel(across)
    axes.set_ylabel(up)
    return figure, axes


def _bar(axes: Axes, at: float, parts: Mapping[str, float]) -> None:
    height = 0.0
    for name, used in parts.items():
        axes.bar(at, used, 0.36, bottom=height, color=COLOURS[name])
        height += used
    axes.text(at, height, f"{height:.0f}", ha="center", va="bottom", fontsize=7)


def _by_factors(axes: Axes, across: Sequence[int]) -> None:
    """Let both sides grow by factors, and write the numbers that were measured."""
    axes.set_xscale("log")
    axes.set_xticks(across, [f"{number:,}".replace(",", " ") for number in across])
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axes.yaxis.set_major_formatter(FormatStrFormatter("%g"))
    axes.yaxis.set_minor_formatter(NullFormatter())


def _thin(values: Sequence[float | None]) -> Sequence[float | None]:
    return values[:: -(-len(values) // POINTS)]


def _day(report: Report) -> str:
    return str(report["at"])[:10]


if __name__ == "__main__":
    main()
