"""Addresses as values.

Strategy: one strict parser for every place an address is read (MAIL, RCPT, From, login), so that no two
rooms can disagree about what an address is. What is accepted is smaller than RFC 5321 §4.1.2 allows: a
dot-atom local part and a domain name or an address literal. Quoted local parts, comments and source routes
are how relays are fooled, and no chatmail address has one.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address

MAX_LOCAL = 64  # RFC 5321 §4.5.3.1.1
MAX_DOMAIN = 255  # RFC 5321 §4.5.3.1.2
MAX_PATH = 256  # RFC 5321 §4.5.3.1.3

_ATEXT = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]"
_ASCII_LOCAL = re.compile(rf"{_ATEXT}+(?:\.{_ATEXT}+)*")
_UTF8_ATEXT = r"(?:[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]|[^\x00-\x9f\s\ud800-\udfff])"
_UTF8_LOCAL = re.compile(rf"{_UTF8_ATEXT}+(?:\.{_UTF8_ATEXT}+)*")
# An underscore may open a label: Delta Chat knows `_name` domains as self-signed servers.
_LABEL = r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9])?"
_NAME = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
_UTF8_LABEL = r"(?:[A-Za-z0-9_]|[^\x00-\x9f\s\ud800-\udfff])(?:[A-Za-z0-9_-]|[^\x00-\x9f\s\ud800-\udfff]){0,62}"
_UTF8_NAME = re.compile(rf"{_UTF8_LABEL}(?:\.{_UTF8_LABEL})*")


class AddressError(ValueError):
    """The text is not an address; nothing of it is kept."""


@dataclass(frozen=True, slots=True)
class Address:
    """A mailbox address, folded to lower case.

    `domain` is a name without a final dot, or a literal: `[192.0.2.1]`, `[IPv6:2001:db8::1]`.
    """

    local: str
    domain: str

    def __str__(self) -> str:
        return f"{self.local}@{self.domain}"

    @property
    def is_literal(self) -> bool:
        return self.domain.startswith("[")


def parse(text: str, *, may_be_utf8: bool = False) -> Address:
    """Read `local@domain` and nothing else, or raise AddressError (RFC 5321 §4.1.2, RFC 6531 §3.3)."""
    if len(text) > MAX_PATH - 2:
        raise AddressError("too long")
    local, at, domain = text.rpartition("@")
    pattern = _UTF8_LOCAL if may_be_utf8 else _ASCII_LOCAL
    if not at or not pattern.fullmatch(local) or len(local.encode()) > MAX_LOCAL:
        raise AddressError("local part")
    return Address(local.lower(), parse_domain(domain, may_be_utf8=may_be_utf8))


def parse_domain(text: str, *, may_be_utf8: bool = False) -> str:
    """Read a domain name or an address literal and fold it, or raise AddressError (RFC 5321 §4.1.3)."""
    if text.startswith("["):
        return _folded_literal(text)
    pattern = _UTF8_NAME if may_be_utf8 else _NAME
    if not pattern.fullmatch(text) or len(text.encode()) > MAX_DOMAIN or _looks_like_ipv4(text):
        raise AddressError("domain")
    return text.lower()


def literal(ip: IPv4Address | IPv6Address) -> str:
    """Write an IP address as the domain of an address (RFC 5321 §4.1.3)."""
    return f"[{ip}]" if ip.version == 4 else f"[IPv6:{ip}]"


def literal_ip(domain: str) -> IPv4Address | IPv6Address | None:
    """Return the IP address inside a literal domain, or None for a name."""
    return _read_literal(domain) if domain.startswith("[") else None


def plain_ip(ip: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """Return an IPv4 address written in IPv6 (RFC 4291 §2.5.5.2) as what it is."""
    return (isinstance(ip, IPv6Address) and ip.ipv4_mapped) or ip


def parse_own_domain(text: str) -> str:
    """Read a domain as an operator or a user may write it: a bare IP address means its literal."""
    try:
        return literal(ip_address(text.strip()))
    except ValueError:
        return parse_domain(text.strip())


def parse_login(text: str) -> Address:
    """Read an address as a user may type it at login: `user@192.0.2.1` means `user@[192.0.2.1]`."""
    local, _, domain = text.rpartition("@")
    try:
        return parse(f"{local}@{literal(ip_address(domain))}")
    except AddressError:
        raise
    except ValueError:
        return parse(text)


@lru_cache(maxsize=128)  # a server without DNS reads its own one three times a message
def _folded_literal(text: str) -> str:
    return literal(_read_literal(text))


def _read_literal(text: str) -> IPv4Address | IPv6Address:
    inner = text[1:-1]
    try:
        if text[-1] != "]" or "%" in inner:
            raise AddressError("literal")
        if inner[:5].lower() == "ipv6:":
            return IPv6Address(inner[5:])
        return IPv4Address(inner)
    except ValueError as error:
        raise AddressError("literal") from error


def _looks_like_ipv4(text: str) -> bool:
    # `v@127.0.0.1` and `v@0x7f.1` are names to a parser and addresses to a resolver: refuse both.
    last = text.rpartition(".")[2]
    return last.isdigit() or last[:2].lower() == "0x"
