"""`chatmail status`: the suite in numbers, nobody in particular."""

from chatmail import target
from chatmail.answer import Data, Json, answer, size
from chatmail.services import SERVICES


def status(data: Data = None, is_json: Json = False) -> None:
    """Show how many accounts, messages, octets, connections and waiting jobs there are, which services live,
    how many recipients wait for other servers, for how long, and how many of them were set aside.
    """
    suite = target.find(data)
    with suite.operator() as operator:
        totals = operator.totals()
        outbox = operator.queue.totals()
        registration = operator.registration(suite.settings.registration)
    seen = suite.overview()
    alive = seen.connections if seen else {}
    numbers = {
        "domain": suite.settings.domain,
        "registration": registration,
        "accounts": totals.accounts,
        "messages": totals.messages,
        "bytes": totals.bytes,
        "connections": {service.name: alive.get(service.name) for service in SERVICES},
        "outbox": outbox.waiting,
        "oldest_minutes": outbox.oldest_minutes,
        "poison": outbox.poison,
        "queue": seen.jobs if seen else None,
    }
    answer(numbers, _shown(numbers | {"bytes": size(totals.bytes)}), is_json=is_json)


def _shown(numbers: dict[str, object]) -> str:
    """Write the numbers a line each; a service that has not been heard of lately is away."""
    lines = []
    for name, value in numbers.items():
        if isinstance(value, dict):
            lines += [f"{service:15} {_presence(count)}" for service, count in value.items()]
        else:
            lines.append(f"{name:15} {'unknown: Redis is away' if value is None else value}")
    return "\n".join(lines)


def _presence(connections: int | None) -> str:
    return "away" if connections is None else f"{connections} connections"
