"""How a command answers: a sentence or a table for people, JSON for programs."""

import json
from collections.abc import Sequence
from dataclasses import asdict, is_dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from chatmail.trouble import Trouble

Json = Annotated[bool, typer.Option("--json", help="Answer in JSON.")]
Data = Annotated[Path | None, typer.Option("--data", help="Data folder of the running suite.", show_default="./data")]


def answer(value: Any, sentence: str, *, is_json: bool) -> None:
    """Print the value as JSON, or the sentence."""
    typer.echo(json.dumps(value, default=_written) if is_json else sentence)


def table(rows: Sequence[Any], empty: str, *, is_json: bool) -> None:
    """Print dataclasses of one kind: a JSON list, or a table under their field names, or the sentence for none."""
    dicts = [asdict(row) for row in rows]
    if is_json or not dicts:
        answer(dicts, empty, is_json=is_json)
        return
    lines = [list(dicts[0]), *([_cell(value) for value in row.values()] for row in dicts)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        typer.echo("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


def require(is_done: object, otherwise: str) -> None:
    """Raise Trouble with this sentence unless something was done."""
    if not is_done:
        raise Trouble(otherwise)


def size(octets: int) -> str:
    """Write a number of octets for people, in powers of 1000."""
    amount, units = float(octets), ["B", "kB", "MB", "GB", "TB"]
    while amount >= 1000 and len(units) > 1:
        amount /= 1000
        del units[0]
    return f"{amount:.0f} {units[0]}" if units[0] == "B" else f"{amount:.1f} {units[0]}"


def _cell(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "-" if value is None or value == "" else _written(value)


def _written(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    return value.isoformat(" ", "minutes") if isinstance(value, datetime) else str(value)
