"""`chatmail status`: the suite in numbers, nobody in particular."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from chatmail import target
from chatmail.answer import Data, Json, answer, size
from chatmail.services import SERVICES

if TYPE_CHECKING:
    from shared.queue.overview import Present

_COLUMNS = ("service", "replicas", "connections", "accepted", "refused", "turned away", "logins", "memory", "version")


def status(data: Data = None, is_json: Json = False) -> None:
    """Show how many accounts, messages, octets and waiting jobs there are, how many recipients wait for other servers,
    for how long, and how many of them were set aside; and of each service how many processes live, what they have
    accepted and refused since they started, and how soon mail was readable.
    """
    suite = target.find(data)
    with suite.operator() as operator:
        totals = operator.totals()
        outbox = operator.queue.totals()
        registration = operator.registration(suite.settings.registration)
    seen = suite.overview()
    alive = {service.name: seen.services.get(service.name) if seen else None for service in SERVICES}
    numbers = {
        "domain": suite.settings.domain,
        "registration": registration,
        "accounts": totals.accounts,
        "messages": totals.messages,
        "bytes": totals.bytes,
        "outbox": outbox.waiting,
        "oldest_minutes": outbox.oldest_minutes,
        "poison": outbox.poison,
        "queue": seen.jobs if seen else None,
    }
    rows = {name: _numbers(present) for name, present in alive.items()}
    full = {
        **numbers,
        "connections": {name: row and row["connections"] for name, row in rows.items()},
        "services": rows,
    }
    answer(full, _shown(numbers | {"bytes": size(totals.bytes)}, rows), is_json=is_json)


def _numbers(present: "Present | None") -> dict[str, Any] | None:
    if present is None:
        return None
    return {
        "replicas": present.replicas,
        "connections": present.connections,
        "accepted": present.accepted,
        "refused": present.refused,
        "turned_away": present.turned_away,
        "logins": present.logins,
        "rss": present.rss,
        "versions": sorted(present.versions),
        "readable": present.readable.total(),
        "readable_p50": _finite(present.within(0.5)),
        "readable_p99": _finite(present.within(0.99)),
    }


def _finite(seconds: float | None) -> float | None:
    return None if seconds == float("inf") else seconds  # JSON has no word for it


def _shown(numbers: dict[str, Any], rows: dict[str, dict[str, Any] | None]) -> str:
    """Write the numbers a line each, then a table of the services; one not heard of lately is away."""
    lines = [f"{name:15} {'unknown: Redis is away' if value is None else value}" for name, value in numbers.items()]
    table = [_COLUMNS, *(_cells(name, row) for name, row in rows.items())]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    lines += ["", *("  ".join(map(str.ljust, cells, widths)).rstrip() for cells in table)]
    return "\n".join([*lines, *_readable(rows)])


def _cells(name: str, row: dict[str, Any] | None) -> Sequence[str]:
    if row is None:
        return (name, "away", *[""] * (len(_COLUMNS) - 2))
    numbers = [str(row[key]) for key in ("replicas", "connections", "accepted", "refused", "turned_away", "logins")]
    return (name, *numbers, size(row["rss"]), " and ".join(row["versions"]))


def _readable(rows: dict[str, dict[str, Any] | None]) -> list[str]:
    return [
        f"\n{'readable':15} {row['readable']} told to clients that waited: half within "
        f"{_seconds(row['readable_p50'])}, 99 % within {_seconds(row['readable_p99'])}"
        for row in rows.values()
        if row and row["readable"]
    ]


def _seconds(seconds: float | None) -> str:
    return "more than a minute" if seconds is None else f"{seconds:g} s"
