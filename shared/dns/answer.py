"""What the DNS says, as plain values: nobody beyond this room sees the library's objects.

A record is, by kind:

A, AAAA         IPv4Address, IPv6Address
MX              Mx(preference, host): (0, "") is the null MX of RFC 7505
TXT             bytes, the strings of one record joined
TLSA            Tlsa(usage, selector, matching, data)
SRV             Srv(priority, weight, port, host)
CAA             Caa(flags, tag, value)
CNAME, PTR, NS  str, a host
any other       str, in the form of zone files

A host is in lower case and has no final dot.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple


class LookupFailed(Exception):
    """No answer, or none that can be used; asking again later may help. Its text names no name."""


class NoSocket(LookupFailed):
    """Nobody was asked: this process may open no more sockets."""


class Mx(NamedTuple):
    """A mail exchanger (RFC 5321 §5.1)."""

    preference: int
    host: str


class Tlsa(NamedTuple):
    """What a server's certificate must match (RFC 6698 §2.1)."""

    usage: int
    selector: int
    matching: int
    data: bytes


class Srv(NamedTuple):
    """Where a service is to be found (RFC 2782)."""

    priority: int
    weight: int
    port: int
    host: str


class Caa(NamedTuple):
    """Who may issue certificates (RFC 8659 §4.1)."""

    flags: int
    tag: str
    value: str


@dataclass(frozen=True, slots=True)
class Answer:
    """One question's answer.

    `exists` is False if there is no such name (NXDOMAIN); `records` is empty then, and for a name without records of
    this kind. `is_authentic`: a resolver we trust has validated it by DNSSEC. `canonical` is the name at the end of the
    CNAMEs. `ttl` is in seconds, as the zone says; the cache has a mind of its own.
    """

    records: tuple[Any, ...]
    exists: bool
    is_authentic: bool
    canonical: str
    ttl: int
