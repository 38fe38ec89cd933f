"""The header with which a proxy says whom a connection is for: the PROXY protocol, versions 1 and 2.

Strategy: octets in, a value or "so many more" out. The header's end is followed at once by the client's own octets,
which belong to somebody else (TLS, a line reader); so no more is ever asked for than is surely still the header's.
Section numbers are those of HAProxy's `proxy-protocol.txt`. Ports, destinations and extensions are read over.
"""

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address

from shared.address import plain_ip
from shared.listen.ticket import Ip

SIGNATURE = b"\r\n\r\n\x00\r\nQUIT\n"  # §2.2
MAX_V1 = 107  # octets, §2.1
MAX_V2 = 536  # octets, all of them: what fits any segment, §2

_SHORTEST = len(b"PROXY UNKNOWN\r\n")
_FIXED = 16  # octets of version 2 before the addresses
_BEGUN = re.compile(rb"PROXY [ -~]*(?:\r\n?)?")
_UNKNOWN = re.compile(rb"PROXY UNKNOWN(?: .*)?\r\n")
_KNOWN = re.compile(rb"PROXY TCP([46]) ([0-9A-Fa-f:.]+) ([0-9A-Fa-f:.]+) ([0-9]{1,5}) ([0-9]{1,5})\r\n")
_LOCAL, _PROXY = 0x20, 0x21  # version 2, and a command
_UNSPECIFIED, _TCP4, _TCP6 = 0x00, 0x11, 0x21


@dataclass(frozen=True, slots=True)
class Introduced:
    """A whole header: `client` is whom the connection is for, None the proxy itself (to see how we are)."""

    client: Ip | None


@dataclass(frozen=True, slots=True)
class NeedMore:
    """At least so many more octets belong to the header."""

    octets: int


@dataclass(frozen=True, slots=True)
class Malformed:
    """Not a header."""


Header = Introduced | NeedMore | Malformed


def read(octets: bytes) -> Header:
    """Read the octets received so far; they are never more than those asked for until now."""
    start = octets[: len(SIGNATURE)]
    if start == SIGNATURE:
        return _read_binary(octets)
    if not SIGNATURE.startswith(start) and not (_BEGUN.fullmatch(octets) or b"PROXY ".startswith(octets)):
        return Malformed()
    if len(octets) < _SHORTEST:
        return NeedMore(_SHORTEST - len(octets))
    return _read_line(octets)


def _read_line(octets: bytes) -> Header:
    if len(octets) > MAX_V1:
        return Malformed()
    if not octets.endswith(b"\r\n"):
        return NeedMore(1 if octets.endswith(b"\r") else 2)
    if _UNKNOWN.fullmatch(octets):
        return Introduced(None)
    found = _KNOWN.fullmatch(octets)
    if not found:
        return Malformed()
    family, *addresses, one_port, other_port = (part.decode() for part in found.groups())
    try:
        client, _ = [IPv4Address(one) if family == "4" else IPv6Address(one) for one in addresses]
    except ValueError:
        return Malformed()
    return Introduced(plain_ip(client)) if max(int(one_port), int(other_port)) <= 65535 else Malformed()


def _read_binary(octets: bytes) -> Header:
    if len(octets) < _FIXED:
        return NeedMore(_FIXED - len(octets))
    command, family = octets[12], octets[13]
    size = _FIXED + int.from_bytes(octets[14:16])
    if size > MAX_V2 or command not in (_LOCAL, _PROXY):
        return Malformed()
    if len(octets) < size:
        return NeedMore(size - len(octets))
    if command == _LOCAL or family == _UNSPECIFIED:
        return Introduced(None)
    if family == _TCP4 and size >= _FIXED + 12:
        return Introduced(IPv4Address(octets[16:20]))
    if family == _TCP6 and size >= _FIXED + 36:
        return Introduced(plain_ip(IPv6Address(octets[16:32])))
    return Malformed()  # datagrams and Unix sockets among them
