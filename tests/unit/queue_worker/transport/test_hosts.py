"""Where a destination's mail goes, by what the DNS says; and where it never goes (N1 to N4)."""

import pytest
from queue_worker.transport import hosts
from queue_worker.transport.hosts import Host
from queue_worker.transport.values import Outcome, Result, Stopped

from tests.unit.queue_worker.transport.rig import Rig, letter

LATER, REFUSED = Outcome.TRY_LATER, Outcome.REFUSED


async def found(rig: Rig, domain: str = "a.test") -> list[str] | tuple[Outcome, int, str]:
    there = await hosts.of(domain, None, rig.world)
    if isinstance(there, Result):
        assert there.is_of_destination
        return there.outcome, there.code, there.enhanced
    return [host.name for host in there]


async def test_exchangers_by_preference_and_not_too_many(rig: Rig) -> None:
    rig.dns.set("a.test", "MX", [f"{number} MX{number}.A.test." for number in range(200, 0, -1)])
    assert await found(rig) == ["mx1.a.test", "mx2.a.test", "mx3.a.test", "mx4.a.test", "mx5.a.test"]


async def test_equal_exchangers_share_the_load(rig: Rig) -> None:
    rig.dns.set("a.test", "MX", ["10 one.test.", "10 two.test."])
    seen = {str(await found(rig)) for _ in range(64)}
    assert len(seen) == 2


async def test_without_exchangers_the_domain_itself(rig: Rig) -> None:
    rig.dns.set("b.test", "A", ["127.0.0.2"])
    assert await found(rig, "b.test") == ["b.test"]


async def test_a_domain_may_be_an_alias(rig: Rig) -> None:
    rig.dns.set("alias.test", "CNAME", ["a.test."])
    assert await found(rig, "alias.test") == ["mx.a.test"]


async def test_a_domain_beyond_ascii(rig: Rig) -> None:
    rig.dns.set("xn--bcher-kva.test", "MX", ["10 mx.a.test."])
    assert await found(rig, "bücher.test") == ["mx.a.test"]
    assert await found(rig, "." * 5 + "ä") == (REFUSED, 512, "5.1.2")


TROUBLES = [
    ("none.test", [], (REFUSED, 512, "5.1.2")),
    ("empty.test", [("TXT", ['"x"'])], (REFUSED, 512, "5.1.2")),
    ("null.test", [("MX", ["0 ."])], (REFUSED, 556, "5.1.10")),
    ("ip.test", [("MX", ["10 127.0.0.2."])], (REFUSED, 512, "5.1.2")),
    ("loop.test", [("MX", ["10 mx.here.test."])], (REFUSED, 554, "5.4.6")),
    ("backup.test", [("MX", ["10 mx.here.test.", "20 mx.a.test."])], (REFUSED, 554, "5.4.6")),
    ("here.test", [("MX", ["10 mx.a.test."])], (REFUSED, 554, "5.4.6")),
    ("mixed.test", [("MX", ["0 .", "10 mx.a.test."])], ["mx.a.test"]),
    ("better.test", [("MX", ["10 mx.a.test.", "20 mx.here.test.", "30 x.test."])], ["mx.a.test"]),
    ("[127.0.0.2]", [], ["127.0.0.2"]),
    ("[IPv6:::1]", [], ["::1"]),
    ("[127.0.0.1]", [], (REFUSED, 554, "5.4.6")),  # our hostname's
]


@pytest.mark.parametrize(("domain", "records", "wanted"), TROUBLES, ids=lambda value: str(value)[:20])
async def test_what_else_the_dns_may_say(rig: Rig, domain: str, records: list, wanted: object) -> None:
    for kind, texts in records:
        rig.dns.set(domain, kind, texts)
    assert await found(rig, domain) == wanted


@pytest.mark.parametrize("name", ["a.test", "b.test"])
async def test_no_answer_is_tried_later(rig: Rig, name: str) -> None:
    rig.dns.fail(name)
    assert await found(rig, name) == (LATER, 451, "4.4.3")


async def test_one_host_without_answer_does_not_hide_the_next(rig: Rig) -> None:
    rig.no_https()
    rig.dns.set("a.test", "MX", ["5 lost.a.test.", "10 mx.a.test."])
    rig.dns.fail("lost.a.test")
    assert (await rig.send())[0].outcome is Outcome.DELIVERED


async def test_an_alias_of_a_host_is_followed(rig: Rig) -> None:
    rig.dns.set("a.test", "MX", ["10 alias.a.test."])
    rig.dns.set("alias.a.test", "CNAME", ["mx.a.test."])
    [address] = (await hosts.find(Host("alias.a.test"), None, rig.world)).addresses
    assert str(address) == "127.0.0.2"


PRIVATE = ["127.0.0.2", "10.0.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0"]
PRIVATE_6 = ["::1", "fc00::1", "fe80::1", "::ffff:127.0.0.2", "64:ff9b::7f00:2", "2002:7f00:2::", "::7f00:2"]


@pytest.mark.parametrize("address", [*PRIVATE, *PRIVATE_6])
async def test_private_addresses_are_never_dialled(rig: Rig, address: str) -> None:
    rig.change(may_dial_private=False)
    rig.dns.set("mx.a.test", "A", [])
    rig.dns.set("mx.a.test", "AAAA" if ":" in address else "A", [address])
    with pytest.raises(Stopped) as stopped:
        await hosts.find(Host("mx.a.test"), None, rig.world)
    assert stopped.value.result.enhanced == "4.4.4"
    [result] = await rig.send()
    assert (result.outcome, result.host) == (LATER, "")
    assert rig.remote.connections == rig.remote.https_connections == 0


async def test_our_own_address_is_never_dialled(rig: Rig) -> None:
    rig.dns.set("mx.here.test", "A", ["127.0.0.2"])
    [result] = await rig.send()
    assert (result.outcome, result.code, result.enhanced) == (REFUSED, 554, "5.4.6")
    assert rig.remote.connections == 0


async def test_names_are_resolved_once(rig: Rig) -> None:
    """N2: what was judged is what is dialled."""
    rig.no_https()
    await rig.send()
    assert rig.dns.asked["mx.a.test", "A"] == 1


async def test_between_servers_without_dns(rig: Rig) -> None:
    rig.change(
        may_dial_private=False,
        is_literal=True,
        own_domains=frozenset({"[127.0.0.1]"}),
        hostname="[127.0.0.1]",
        sources=("127.0.0.1",),
    )
    courier = rig.courier("[127.0.0.2]")
    [result] = await courier.send(letter("bob@[127.0.0.2]"))
    assert result.outcome is Outcome.DELIVERED  # its certificate is for another name, and nobody minds
    assert rig.remote.letters[0].way == "https"
    assert await found(rig, "[127.0.0.1]") == (REFUSED, 554, "5.4.6")
    assert await found(rig, "[10.0.0.1]") == (REFUSED, 550, "5.4.4")
    assert rig.dns.asked == {}
