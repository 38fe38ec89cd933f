"""How much one source may take: connections a second, connections at once, and a total for all.

Strategy: a source is a keyed hash of its IPv4 address or IPv6 /64 (one customer, RFC 6177), with a key that
lives and dies with the process, so that nothing here can be turned back into an address. A connection counts
against its source until `Ticket.release`, which a service calls after login: phones behind one NAT share an
address, and those who have proved who they are need no such limit. It counts against the total until
`Ticket.close`. Figures are those of one process: with several workers each has its own.
"""

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import blake2b
from ipaddress import IPv6Address
from secrets import token_bytes

from shared.listen.ticket import Ip, Ticket, read_ip
from shared.metrics import catalog

MAX_SOURCES = 65_536  # the least recently seen source is forgotten beyond this; about 15 MB


@dataclass(slots=True)
class _Bucket:
    tokens: float
    seen: float
    connections: int = 0


class SourceLimits:
    """Admits connections: `per_second` and `connections` for one source, `total` for all together."""

    def __init__(
        self, per_second: int, connections: int, total: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._per_second = per_second
        self._connections = connections
        self._total = total
        self._clock = clock
        self._key = token_bytes(16)
        self._sources: OrderedDict[str, _Bucket] = OrderedDict()
        self.tickets: set[Ticket] = set()  # of the connections that are open now
        self.on_gone: Callable[[], None] = lambda: None  # called when one of them is
        self.on_empty: Callable[[], None] = lambda: None  # called when the last of them is gone

    @property
    def is_crowded(self) -> bool:
        """Three quarters of all places are taken: who dawdles may be shown out sooner."""
        return len(self.tickets) > self._total * 3 // 4

    @property
    def is_full(self) -> bool:
        """All places are taken: whoever comes now is refused for what others do."""
        return len(self.tickets) >= self._total

    def admit(self, address: str, *, is_proxy: bool = False) -> Ticket | None:
        """Return a ticket for a connection from this IP address, or None if it is one too many.

        A proxy of ours, which stands for many, counts against the total alone.
        """
        peer = read_ip(address)
        source = self._source(peer)
        if is_proxy:
            return None if self.is_full else self._ticket(source, peer)
        bucket = self._bucket(source)
        if bucket.tokens < 1 or bucket.connections >= self._connections or self.is_full:
            return None
        bucket.tokens -= 1
        bucket.connections += 1
        return self._ticket(source, peer, lambda: _release(bucket))

    def source(self, address: str) -> str:
        """Return the keyed hash that stands for this IP address, or for its /64."""
        return self._source(read_ip(address))

    def _source(self, ip: Ip) -> str:
        network = ip.packed[:8] if isinstance(ip, IPv6Address) else ip.packed
        return blake2b(network, key=self._key, digest_size=16).hexdigest()

    def _bucket(self, source: str) -> _Bucket:
        now = self._clock()
        bucket = self._sources.pop(source, None) or _Bucket(self._per_second, now)
        bucket.tokens = min(self._per_second, bucket.tokens + (now - bucket.seen) * self._per_second)
        bucket.seen = now
        self._sources[source] = bucket
        if len(self._sources) > MAX_SOURCES:
            self._sources.popitem(last=False)
        return bucket

    def _ticket(self, source: str, peer: Ip, on_release: Callable[[], None] = lambda: None) -> Ticket:
        ticket = Ticket(source, on_release, self._forget, peer)
        self.tickets.add(ticket)
        catalog.CONNECTIONS.add(1.0)
        return ticket

    def _forget(self, ticket: Ticket) -> None:
        self.tickets.discard(ticket)
        catalog.CONNECTIONS.add(-1.0)
        self.on_gone()
        if not self.tickets:
            self.on_empty()


def _release(bucket: _Bucket) -> None:
    bucket.connections -= 1
