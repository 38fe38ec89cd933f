"""Compares the records a server needs with what the world sees, by what they mean.

Strings may be split otherwise, tags stand in another order, a list say more than we ask: all that agrees. What counts
is whether other servers do with it what they would do with ours.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from chatmail.zone import Need, Record
from shared.dns.answer import LookupFailed
from shared.policy.mta_sts import read_record

if TYPE_CHECKING:
    from shared.dns.resolver import Resolver

State = Literal["ok", "missing", "differs", "unreachable"]


@dataclass(frozen=True, slots=True)
class Finding:
    """A record, and what was found in its place."""

    state: State
    need: Need
    kind: str
    name: str
    value: str
    found: list[str]

    @property
    def is_bad(self) -> bool:
        """Whether mail suffers."""
        return self.need == "required" and self.state != "ok"


async def compare(records: Sequence[Record], resolver: "Resolver") -> list[Finding]:
    """Look up every record and say how it is."""
    return list(await asyncio.gather(*(_compare(record, resolver) for record in records)))


async def _compare(record: Record, resolver: "Resolver") -> Finding:
    try:
        found = await _found(record, resolver)
    except LookupFailed:
        return _finding("unreachable", record, [])
    if _agrees(record, found):
        return _finding("ok", record, found)
    return _finding("differs" if found else "missing", record, found)


def _finding(state: State, record: Record, found: list[str]) -> Finding:
    return Finding(state, record.need, record.kind, record.name, record.value, found)


async def _found(record: Record, resolver: "Resolver") -> list[str]:
    """Return what stands there, written as our values are; of texts, those of our record's sort."""
    if record.kind == "CNAME":
        return await _target(record, resolver)
    answer = await resolver.lookup(record.name, record.kind)
    if record.kind in ("A", "AAAA") and answer.canonical != record.name:
        return [f"CNAME {answer.canonical}."]  # an exchanger must not be an alias (RFC 5321 §5.1, RFC 2181 §10.3)
    texts = [_written(found) for found in answer.records]
    return [text for text in texts if _sort(text) == _sort(record.value)] if _is_sorted(record) else texts


async def _target(record: Record, resolver: "Resolver") -> list[str]:
    """Return the host an alias leads to; addresses of its own are as good if all are the host's."""
    there, ours = await asyncio.gather(resolver.addresses(record.name), resolver.addresses(record.value))
    if there and set(there) <= set(ours):
        return [record.value]
    alias = await resolver.lookup(record.name, "CNAME")
    return [f"{host}." for host in alias.records] or [str(ip) for ip in there]


def _written(found: Any) -> str:
    match found:
        case bytes():
            return found.decode("ascii", "backslashreplace").encode("unicode_escape").decode()  # it goes to a terminal
        case str():
            return f"{found}."
        case (int(flags), str(tag), str(value)):
            return f'{flags} {tag} "{value.encode("unicode_escape").decode()}"'
        case (*numbers, str(host)):
            return " ".join([*map(str, numbers), f"{host}."])
    return str(found)


def _agrees(record: Record, found: list[str]) -> bool:
    match record.kind:
        case "A" | "AAAA":
            return record.value in found or bool(not record.value and found and "CNAME" not in found[0])
        case "MX" | "SRV":  # preference and weight are the operator's
            return any(_place(one) == _place(record.value) for one in found)
        case "CAA":
            return any(one.split()[1:2] == ["issue"] and not one.endswith('";"') for one in found)
        case "TXT":
            return len(found) == 1 and _means(
                record.value, found[0]
            )  # two policies are none (RFC 7208 §4.5, 7489 §6.6.3)
    return record.value in found


def _place(value: str) -> list[str]:
    """Return the host of an MX, port and host of an SRV."""
    words = value.split()
    return words[1:] if len(words) == 2 else words[2:]


def _is_sorted(record: Record) -> bool:
    # Beside a policy may stand other texts; beside a key none, and its version may be left out (RFC 6376 §3.6.1).
    return record.kind == "TXT" and not record.value.startswith("v=DKIM1")


def _sort(text: str) -> str:
    return text.replace(";", " ").split(maxsplit=1)[0].lower() if text.strip(" ;") else ""


def _means(ours: str, theirs: str) -> bool:
    """Tell whether a text says at least what ours does."""
    if ours.startswith("v=spf1"):
        wanted, found = ours.split(), theirs.lower().split()
        return set(wanted) <= set(found) and wanted[-1] == found[-1]
    if ours.startswith("v=STSv1"):
        return read_record([theirs.encode()]) == read_record([ours.encode()])
    wanted_tags, tags = _tags(ours), _tags(theirs)
    if ours.startswith("v=TLSRPTv1"):
        return bool(tags.get("rua"))  # whoever reads the reports
    defaults = {"v": "DKIM1", "k": "rsa"} if ours.startswith("v=DKIM1") else {}  # RFC 6376 §3.6.1
    return wanted_tags.items() <= {**defaults, **tags}.items()


def _tags(text: str) -> dict[str, str]:
    """Read `name=value; …`, without white space, which means nothing here (RFC 6376 §3.2)."""
    pairs = (part.partition("=") for part in text.split(";"))
    return {name.strip(): "".join(value.split()) for name, _, value in pairs if name.strip()}
