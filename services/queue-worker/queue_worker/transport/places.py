"""Which addresses may be dialled: never into somebody's private network, never ourselves.

Strategy: a stranger's DNS must not choose a target inside our network (or the cloud's metadata service), so addresses
are sorted into kinds by a table of our own (the standard library's `is_global` differs between versions), and an
address hidden in another (mapped, NAT64, 6to4, Teredo) is never dialled at all. Between servers without DNS the kind
of our own address is the network we live in, and its neighbours may be dialled.
"""

from collections.abc import Iterable
from enum import StrEnum
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from queue_worker.transport.values import Terms
from shared.address import literal_ip

IpAddress = IPv4Address | IPv6Address


class Kind(StrEnum):
    PUBLIC = "public"
    LOOPBACK = "loopback"
    PRIVATE = "private"
    LINK_LOCAL = "link-local"
    NOBODY = "nobody"  # multicast, reserved, or another address in disguise


def _networks(kind: Kind, *texts: str) -> list[tuple[IPv4Network | IPv6Network, Kind]]:
    return [(ip_network(text), kind) for text in texts]


# RFC 6890 and the registries it made; the first match counts.
_TABLE = [
    *_networks(Kind.LOOPBACK, "127.0.0.0/8", "::1/128"),
    *_networks(Kind.PRIVATE, "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7", "fec0::/10"),
    *_networks(Kind.LINK_LOCAL, "169.254.0.0/16", "fe80::/10"),
    *_networks(Kind.NOBODY, "0.0.0.0/8", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "198.18.0.0/15"),
    *_networks(Kind.NOBODY, "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/3"),
    *_networks(Kind.NOBODY, "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20"),
    *_networks(Kind.PUBLIC, "0.0.0.0/0", "2000::/3"),  # what IPv6 has beyond 2000::/3 is not for hosts (RFC 4291 §2.4)
]


@lru_cache(maxsize=4096)
def kind(address: IpAddress) -> Kind:
    """Say what sort of network an address belongs to."""
    for network, of_kind in _TABLE:
        if address.version == network.version and address in network:
            return of_kind
    return Kind.NOBODY


def may_dial(address: IpAddress, terms: Terms) -> bool:
    """Tell if a foreign domain may lead us to an address (whether it is ours is another question: `own`)."""
    of_kind = kind(address)
    if of_kind is Kind.PUBLIC:
        return True
    if of_kind is Kind.NOBODY:
        return False
    return terms.may_dial_private or of_kind in _neighbourhood(terms)


def own(terms: Terms, of_hostname: Iterable[IpAddress] = ()) -> frozenset[IpAddress]:
    """Return the addresses that are ours: literals among our domains, what we bind, what our hostname has."""
    texts = [*terms.sources, terms.hostname.strip("[]").removeprefix("IPv6:")]
    given = [address for address in map(read, texts) if address and not address.is_unspecified]
    literals = [address for address in map(literal_ip, terms.own_domains) if address]
    return frozenset([*given, *literals, *of_hostname])


def read(text: str) -> IpAddress | None:
    """Read an IP address, None for anything else."""
    try:
        return ip_address(text)
    except ValueError:
        return None


def _neighbourhood(terms: Terms) -> set[Kind]:
    if not terms.is_literal:
        return set()
    return {kind(address) for address in map(literal_ip, terms.own_domains) if address}
