"""Who asks through a web proxy: X-Forwarded-For and X-Forwarded-Proto, from proxies of ours and nobody else.

Strategy: every proxy adds the address it was asked from to the right of what it was given. So the list is read from the
right, as long as those who wrote it are trusted: the first address that is not is the client's, and all that stands to
the left of it is hearsay. A word that is no address ends the reading.
"""

import re
from collections import Counter
from collections.abc import Callable, Container, Iterable
from dataclasses import dataclass, field
from typing import Literal

from shared.listen.ticket import Ip, read_ip
from shared.listen.trusted import Trusted

MAX_HOPS = 16

Scheme = Literal["http", "https"]
Headers = Iterable[tuple[bytes, bytes]]  # names in small letters

_HOP = re.compile(r"\[([0-9A-Fa-f:.]+)\](?::\d+)?|([0-9.]+)(?::\d+)?|([0-9A-Fa-f:.]+)")


@dataclass(frozen=True, slots=True)
class Forwarding:
    """The web proxies, and the keyed hash that counts an address (`SourceLimits.source`).

    A proxy's connections count against no source. So `most` is how many requests of one source may be arriving at
    once: else who sends them slowly takes every place there is.
    """

    proxies: Trusted
    source: Callable[[str], str]
    most: int = 50
    arriving: Counter[str] = field(default_factory=Counter)

    def begin(self, source: str) -> bool:
        """Count a request that is arriving; False if it is one too many."""
        if self.arriving[source] >= self.most:
            return False
        self.arriving[source] += 1
        return True

    def end(self, source: str) -> None:
        """It has arrived, or never will."""
        self.arriving[source] -= 1
        if not self.arriving[source]:
            del self.arriving[source]


def client(peer: Ip, headers: Headers, proxies: Container[Ip]) -> Ip:
    """Return who asks through this peer, or the last who could be believed."""
    listed = b",".join(value for name, value in headers if name == b"x-forwarded-for")
    at = peer
    for hop in reversed(listed.rsplit(b",", MAX_HOPS)[-MAX_HOPS:]):
        if at not in proxies:
            break
        found = _read(hop)
        if found is None:
            break
        at = found
    return at


def scheme(headers: Headers, otherwise: Scheme) -> Scheme:
    """Return how the client asked its proxy, in clear or under TLS; `otherwise` if the proxy does not say."""
    said = [value.strip().lower() for name, value in headers if name == b"x-forwarded-proto"]
    return "https" if said == [b"https"] else "http" if said == [b"http"] else otherwise


def _read(hop: bytes) -> Ip | None:
    found = _HOP.fullmatch(hop.decode("latin-1").strip())
    try:
        return read_ip(next(filter(None, found.groups()))) if found else None
    except ValueError:
        return None
