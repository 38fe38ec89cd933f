"""What is asked of a certificate authority, and when.

Strategy: a certificate is for the host and for whatever further names of ours lead to the same place, for the authority
looks for us under each of them. It is renewed when a third of its life is left, whether that is a month or two days.
After a failure the authority is left alone for longer and longer: it counts failures, by the hour and by the week.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from ipaddress import IPv4Address, IPv6Address, ip_address

from shared.address import literal_ip

Addresses = frozenset[IPv4Address | IPv6Address]

MAX_NAMES = 100  # of one certificate, as the great authorities have it
PREFIXES = ("", "mta-sts.", "autoconfig.", "www.")  # the most important names first, should there be too many
RENEW_AT = 1 / 3  # of its life is left
LEFT_OUT_SECONDS = 7 * 86400.0  # after which a name that could not be confirmed is tried again
DELAYS = (40.0, 300.0, 900.0, 3600.0, 6 * 3600.0)  # after one failure, two, …; the last again and again
OWN_DELAYS = (40.0, 60.0, 120.0, 300.0)  # the same where the authority was not asked: only the DNS was
JITTER = 0.25  # later than that, never sooner: what many servers do at once is a flood
RATE_LIMITED = 3600.0  # at least
LONGEST = 7 * 86400.0  # whatever the authority asks for

# Problems that the authority was not troubled with, and those that no haste will change.
UNRESOLVED, UNFIT, FOR_ANOTHER_DAY = "unresolved", "unfit name", ("rejectedIdentifier", "unsupportedIdentifier", "caa")

_FIT = re.compile(r"(?=.{1,253}\Z)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?")


@dataclass(frozen=True, slots=True)
class Held:
    """The authority's certificate in force, and whose it is."""

    names: frozenset[str]
    not_before: datetime
    not_after: datetime
    directory: str


def hosts_name(hostname: str) -> str:
    """Return the server's own name as a certificate has it: a name in lower case, or an IP address, bare and short."""
    text = hostname.strip().lower().removesuffix(".")
    ip = literal_ip(text) if text.startswith("[") else ip_address(text) if is_ip(text) else None
    return str(ip) if ip else text


def is_ip(name: str) -> bool:
    """Tell an IP address from a name."""
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


def is_fit(name: str) -> bool:
    """Tell whether an authority may know such a name: RFC 5280 §4.2.1.6 has no underscores."""
    return is_ip(name) or bool(_FIT.fullmatch(name))


def candidates(host: str, domains: Sequence[str]) -> list[str]:
    """Return the names that may stand beside the host's own, the most important first; none beside an address."""
    if is_ip(host):
        return []
    names = [prefix + domain for prefix in PREFIXES for domain in domains if not domain.startswith("[")]
    return [name for name in dict.fromkeys(names) if name != host and is_fit(name)]


def chosen(host: str, found: Mapping[str, Addresses | None], held: Held | None) -> list[str]:
    """Return the names to ask for: the host and those of the others that lead where it does.

    `found` has the addresses of each name, in order of importance; None where they could not be learnt, which takes
    no name from a certificate that has it.
    """
    place = found.get(host) or frozenset()
    kept = held.names if held else frozenset()
    others = [
        name
        for name, addresses in found.items()
        if name != host and (name in kept if addresses is None else bool(addresses & place))
    ]
    return [host, *others][:MAX_NAMES]


def is_due(held: Held | None, directory: str, wanted: Sequence[str], now: datetime) -> bool:
    """Tell whether another certificate is to be asked for."""
    if held is None or held.directory != directory or not held.names.issuperset(wanted):
        return True
    return held.not_after - now <= (held.not_after - held.not_before) * RENEW_AT


def retry_after(problem: str, failures: int, chance: float, asked_for: float = 0.0) -> float:
    """Return the seconds until the next try after so many failures, at least those the authority asked for.

    `chance` is random in [0, 1).
    """
    delays = OWN_DELAYS if problem in (UNRESOLVED, UNFIT) else DELAYS
    delay = delays[-1] if problem in FOR_ANOTHER_DAY else delays[min(max(failures, 1), len(delays)) - 1]
    if problem == "rateLimited":
        delay = max(delay, RATE_LIMITED)
    return min(max(delay, asked_for), LONGEST) * (1 + JITTER * chance)
