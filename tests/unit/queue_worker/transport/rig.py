"""A destination `a.test` whose mail servers live on loopback, and the world as our worker sees it."""

import time
from collections import Counter
from dataclasses import dataclass, field, replace

from queue_worker.transport.courier import Courier
from queue_worker.transport.values import Letter, Result, Route, StoredPolicy
from queue_worker.transport.world import World

from tests.certificates import Authority
from tests.dns_server import DnsServer
from tests.remote import Remote

MESSAGE = b"From: <ann@here.test>\r\nTo: <bob@a.test>\r\n\r\n.dotted\r\n..twice\r\nplain\r\n"


def letter(*recipients: str, octets: bytes = MESSAGE, sender: str = "ann@here.test") -> Letter:
    return Letter(sender, recipients or ("bob@a.test",), octets)


@dataclass
class Policies:
    """A PolicyStore in memory."""

    kept: dict[str, StoredPolicy] = field(default_factory=dict)

    async def get(self, domain: str) -> StoredPolicy | None:
        return self.kept.get(domain)

    async def put(self, domain: str, policy: StoredPolicy) -> None:
        self.kept[domain] = policy


@dataclass
class Rig:
    """What a test needs at hand: the remote, the DNS, our world, and what was counted."""

    remote: Remote
    dns: DnsServer
    authority: Authority
    world: World
    policies: Policies
    counted: Counter[tuple[str, str, str]]
    couriers: list[Courier]
    now: float = field(default_factory=time.time)

    def courier(self, domain: str = "a.test", route: Route | None = None) -> Courier:
        courier = Courier(domain, route, self.world)
        self.couriers.append(courier)
        return courier

    def change(self, **terms: object) -> None:
        self.world.terms = replace(self.world.terms, **terms)  # type: ignore[arg-type]

    async def send(self, *recipients: str, octets: bytes = MESSAGE) -> list[Result]:
        """Send one letter by a courier of its own."""
        return await self.courier().send(letter(*recipients, octets=octets))

    def no_https(self) -> None:
        self.world.hosts.learn("mx.a.test", has_door=False, now=self.now)
