"""Fixtures of the transport: see `rig`."""

from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator

import pytest
from queue_worker.transport.values import Terms
from queue_worker.transport.world import World

from shared.dns.resolver import Resolver
from tests.certificates import Authority
from tests.dns_server import DnsServer
from tests.remote import Remote
from tests.unit.queue_worker.transport.rig import Policies, Rig

ZONE = """
mx.here.test. 300 IN A 127.0.0.1
a.test. 300 IN MX 10 mx.a.test.
mx.a.test. 300 IN A 127.0.0.2
"""


@pytest.fixture(scope="session")
def authority() -> Authority:
    return Authority()


@pytest.fixture
def dns() -> Iterator[DnsServer]:
    with DnsServer(ZONE) as server:
        yield server


@pytest.fixture
def remote(authority: Authority) -> Iterator[Remote]:
    with Remote("127.0.0.2", authority.issue("mx.a.test")) as server:
        yield server


@pytest.fixture
async def rig(remote: Remote, dns: DnsServer, authority: Authority) -> AsyncIterator[Rig]:
    """The rig with HTTPS not yet known of; `no_https` goes straight to SMTP."""
    counted: Counter[tuple[str, str, str]] = Counter()

    def count(domain: str, policy: str, result: str) -> None:
        counted[domain, policy, result] += 1

    terms = Terms(
        hostname="mx.here.test",
        own_domains=frozenset({"here.test"}),
        port_smtp=remote.port,
        port_https=remote.https_port,
        may_dial_private=True,
        connect_seconds=5,
        reply_seconds=5,
        final_seconds=5,
    )
    policies = Policies()
    world = World(terms, Resolver([dns.address]), policies, count, verifying=authority.client_context())
    made = Rig(remote, dns, authority, world, policies, counted, [])
    world.now = lambda: made.now
    yield made
    for courier in made.couriers:
        await courier.close()


@pytest.fixture
def remotes(remote: Remote, authority: Authority) -> Iterator[Callable[[str, str], Remote]]:
    """Start further remotes on other addresses, with the same ports."""
    started: list[Remote] = []

    def start(address: str, name: str) -> Remote:
        more = Remote(address, authority.issue(name), port=remote.port, https_port=remote.https_port)
        started.append(more.__enter__())
        return more

    yield start
    for more in started:
        more.__exit__(None, None, None)
