"""Whom the resolver asks: addresses, names and the system's."""

import asyncio
import socket
from collections.abc import Iterator
from ipaddress import IPv4Address
from pathlib import Path

import pytest

from shared.dns import servers as serving
from shared.dns.answer import LookupFailed
from shared.dns.resolver import Resolver
from shared.dns.servers import Servers
from tests.dns_server import DnsServer


@pytest.mark.parametrize(
    ("text", "address", "port", "is_trusted"),
    [
        ("127.0.0.1", "127.0.0.1", 53, True),
        ("10.1.2.3:5353", "10.1.2.3", 5353, True),
        ("9.9.9.9", "9.9.9.9", 53, False),
        ("::1", "::1", 53, True),
        ("[2620:fe::9]:54", "2620:fe::9", 54, False),
        ("[fd00::1]", "fd00::1", 53, True),
    ],
)
def test_servers_are_read(text: str, address: str, port: int, is_trusted: bool) -> None:
    (server,) = Servers([text]).known
    assert (server.address, server.port, server.is_trusted) == (address, port, is_trusted)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "127.0.0.1:0",
        "127.0.0.1:65536",
        "127.0.0.1:x",
        "[127.0.0.1",
        "1.2.3",
        "dns.test:0",
        "dns.test:x",
        "a b",
        "-a",
    ],
)
def test_what_is_no_server_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="address"):
        Servers([text])


@pytest.mark.parametrize(
    ("text", "servers"),
    [
        ("nameserver 127.0.0.53\noptions edns0\n", [("127.0.0.53", True)]),
        ("# a\nnameserver 10.0.0.1\nnameserver junk\nnameserver fe80::1\n", [("10.0.0.1", False), ("fe80::1", False)]),
        ("", [("127.0.0.1", True)]),
        (None, [("127.0.0.1", True)]),
    ],
)
def test_the_system_s_servers(
    text: str | None, servers: list[tuple[str, bool]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "resolv.conf"
    if text is not None:
        file.write_text(text)
    monkeypatch.setattr(serving, "_SYSTEM", file)
    assert [(server.address, server.is_trusted) for server in Servers([]).known] == servers


class Names:
    """What the system says of names, and how often it was asked."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.known: dict[str, list[str]] = {}
        self.asked = 0
        monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", self.getaddrinfo)

    async def getaddrinfo(self, host: str, port: int, *, type: int) -> list[tuple[object, ...]]:
        self.asked += 1
        if host not in self.known:
            raise socket.gaierror("unknown")
        return [(0, type, 0, "", (address, port)) for address in self.known[host]]


@pytest.fixture
async def names(monkeypatch: pytest.MonkeyPatch) -> Names:
    return Names(monkeypatch)


@pytest.fixture
def dns() -> Iterator[DnsServer]:
    with DnsServer("mx.a.test. 300 IN A 192.0.2.1") as server:
        yield server


async def test_a_name_stands_for_all_its_addresses_and_is_trusted_by_where_it_leads(names: Names) -> None:
    names.known = {"resolver": ["172.18.0.5", "fd00::5"], "dns.test": ["9.9.9.9"]}
    servers = Servers(["192.0.2.53", "resolver", "dns.test:5353"])
    assert [(server.address, server.port, server.is_trusted) for server in await servers.find()] == [
        ("192.0.2.53", 53, True),
        ("172.18.0.5", 53, True),
        ("fd00::5", 53, True),
        ("9.9.9.9", 5353, False),
    ]
    await servers.find()
    assert names.asked == 2


async def test_a_name_is_looked_up_once_for_all_who_wait(names: Names) -> None:
    names.known = {"resolver": ["172.18.0.5"]}
    servers = Servers(["resolver"])
    found = await asyncio.gather(*(servers.find() for _ in range(5)))
    assert names.asked == 1
    assert all(len(each) == 1 for each in found)


async def test_a_name_is_looked_up_again_in_time(names: Names, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "LOOK_SECONDS", 0.0)
    servers = Servers(["resolver"])
    assert await servers.find() == ()
    for address in ("172.18.0.5", "172.18.0.6"):
        names.known = {"resolver": [address]}
        monkeypatch.setattr(serving, "DOUBT_SECONDS", 0.0)
        servers.doubt()
        assert [server.address for server in await servers.find()] == [address]
    names.known = {}
    assert [server.address for server in await servers.find()] == ["172.18.0.6"]


async def test_a_resolver_that_moved_is_found_as_soon_as_it_does_not_answer(
    names: Names, dns: DnsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serving, "DOUBT_SECONDS", 0.0)
    names.known = {"resolver": ["127.0.0.99"]}  # nobody listens there
    resolver = Resolver([f"resolver:{dns.port}"], seconds=3)
    with pytest.raises(LookupFailed):
        await resolver.addresses("mx.a.test")
    names.known = {"resolver": ["127.0.0.1"]}
    assert await resolver.addresses("mx.a.test") == [IPv4Address("192.0.2.1")]


async def test_a_resolver_by_name_with_the_system_s_own_lookup(dns: DnsServer) -> None:
    resolver = Resolver([f"localhost:{dns.port}"], seconds=10)
    assert await resolver.addresses("mx.a.test") == [IPv4Address("192.0.2.1")]


async def test_a_name_that_leads_nowhere_is_a_failure_that_may_pass() -> None:
    with pytest.raises(LookupFailed):
        await Resolver(["resolver.invalid"], seconds=5).addresses("mx.a.test")
