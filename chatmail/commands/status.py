"""`chatmail status`: the suite in numbers, nobody in particular."""

from chatmail import target
from chatmail.answer import Data, Json, answer, size
from chatmail.ports import connections
from chatmail.services import PORTS


def status(data: Data = None, is_json: Json = False) -> None:
    """Show how many accounts, messages, octets and connections there are."""
    suite = target.find(data)
    with suite.operator() as operator:
        totals = operator.totals()
        registration = operator.registration(suite.settings.registration)
    ports = [getattr(suite.settings, name) for name in PORTS]
    numbers = {
        "domain": suite.settings.domain,
        "registration": registration,
        "accounts": totals.accounts,
        "messages": totals.messages,
        "bytes": totals.bytes,
        "connections": connections(suite.settings.addresses, ports),
    }
    shown = numbers | {"bytes": size(totals.bytes)}
    answer(numbers, "\n".join(f"{name:13} {value}" for name, value in shown.items()), is_json=is_json)
