"""The resolver against a server that tells the truth, lies, hesitates and says nothing."""

import asyncio
import socket
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest

from shared.dns import exchange as exchanging
from shared.dns import resolver as resolving
from shared.dns.answer import Caa, LookupFailed, Mx, Srv, Tlsa
from shared.dns.message import MAX_RECORDS, MAX_REPLY
from shared.dns.resolver import Resolver
from tests.dns_server import DnsServer

ZONE = """
a.test.             300 IN MX    20 Backup.a.test.
a.test.             300 IN MX    10 mx.a.test.
a.test.             300 IN TXT   "v=spf1 " "-all"
a.test.             300 IN CAA   0 issue "ca.test"
a.test.             300 IN NS    NS.a.test.
a.test.             300 IN HINFO "a" "b"
null.test.          300 IN MX    0 .
mx.a.test.          300 IN A     192.0.2.1
mx.a.test.          300 IN AAAA  2001:db8::1
_25._tcp.mx.a.test. 300 IN TLSA  3 1 1 00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff
_imaps._tcp.a.test. 300 IN SRV   0 1 993 mx.a.test.
www.a.test.         300 IN CNAME alias.a.test.
alias.a.test.       300 IN CNAME mx.a.test.
lost.a.test.        300 IN CNAME nowhere.test.
loop.a.test.        300 IN CNAME pool.a.test.
pool.a.test.        300 IN CNAME loop.a.test.
1.2.0.192.in-addr.arpa. 300 IN PTR mx.a.test.
four.a.test.        300 IN A     192.0.2.4
"""


@pytest.fixture
def dns() -> Iterator[DnsServer]:
    with DnsServer(ZONE) as server:
        yield server


@pytest.fixture
def resolver(dns: DnsServer) -> Resolver:
    return Resolver([dns.address], seconds=3)


@pytest.mark.parametrize(
    ("name", "kind", "records"),
    [
        ("mx.a.test", "A", (IPv4Address("192.0.2.1"),)),
        ("MX.A.Test.", "AAAA", (IPv6Address("2001:db8::1"),)),
        ("null.test", "MX", (Mx(0, ""),)),
        ("a.test", "TXT", (b"v=spf1 -all",)),
        ("_25._tcp.mx.a.test", "TLSA", (Tlsa(3, 1, 1, b"\x00\xff" * 16),)),
        ("_imaps._tcp.a.test", "SRV", (Srv(0, 1, 993, "mx.a.test"),)),
        ("a.test", "CAA", (Caa(0, "issue", "ca.test"),)),
        ("www.a.test", "CNAME", ("alias.a.test",)),
        ("1.2.0.192.in-addr.arpa", "PTR", ("mx.a.test",)),
        ("a.test", "NS", ("ns.a.test",)),
        ("a.test", "HINFO", ('"a" "b"',)),
    ],
)
async def test_records_come_as_plain_values(
    resolver: Resolver, name: str, kind: str, records: tuple[object, ...]
) -> None:
    answer = await resolver.lookup(name, kind)
    assert answer.records == records
    assert answer.exists
    assert answer.ttl == 300


async def test_the_usual_questions(resolver: Resolver, dns: DnsServer) -> None:
    assert await resolver.mx("a.test") == [(10, "mx.a.test"), (20, "backup.a.test")]
    dns.set("many.test", "MX", [f"{number} mx." for number in range(20)])
    assert [preference for preference, _ in await resolver.mx("many.test")] == list(range(20))
    assert await resolver.txt("a.test") == [b"v=spf1 -all"]
    assert await resolver.addresses("mx.a.test") == [IPv4Address("192.0.2.1"), IPv6Address("2001:db8::1")]
    assert (await resolver.tlsa("mx.a.test", 25)).records[0].usage == 3
    assert await resolver.names(ip_address("192.0.2.1")) == ["mx.a.test"]


@pytest.mark.parametrize(
    ("name", "exists"),
    [
        ("four.a.test", True),  # but no AAAA
        ("_tcp.mx.a.test", True),  # nothing there but names below (RFC 8020)
        ("nobody.test", False),
        ("lost.a.test", False),
        (f"{'a' * 64}.test", False),
        (f"{'a.' * 127}test", False),
        ("a..test", False),
        ("", False),
        ("\udcff.test", False),
        ("bücher.test", False),
        ("a\\.test", False),
    ],
)
async def test_nothing_there_is_an_answer(resolver: Resolver, name: str, exists: bool) -> None:
    answer = await resolver.lookup(name, "AAAA")
    assert (answer.records, answer.exists) == ((), exists)


async def test_international_names_are_asked_for_in_ascii(resolver: Resolver, dns: DnsServer) -> None:
    dns.set("xn--bcher-kva.test", "A", ["192.0.2.9"])
    assert await resolver.addresses("Bücher.test") == [IPv4Address("192.0.2.9")]


async def test_a_stranger_s_backslash_is_no_escape(resolver: Resolver, dns: DnsServer) -> None:
    await resolver.lookup("\\109x.a.test", "A")
    assert not dns.asked["mx.a.test", "A"]


async def test_aliases_are_followed(resolver: Resolver) -> None:
    answer = await resolver.lookup("www.a.test", "A")
    assert (answer.canonical, answer.records) == ("mx.a.test", (IPv4Address("192.0.2.1"),))
    assert (await resolver.lookup("lost.a.test", "A")).canonical == "nowhere.test"


async def test_authenticity_is_the_server_s_word(resolver: Resolver, dns: DnsServer) -> None:
    assert not (await resolver.lookup("four.a.test", "A")).is_authentic
    dns.is_authentic = True
    assert (await resolver.lookup("mx.a.test", "A")).is_authentic
    assert (await resolver.lookup("nobody.test", "A")).is_authentic


@pytest.mark.parametrize("code", ["SERVFAIL", "REFUSED", "NOTIMP", "FORMERR", "YXDOMAIN"])
async def test_a_failure_is_transient_and_not_remembered(resolver: Resolver, dns: DnsServer, code: str) -> None:
    dns.fail("a.test", code)
    with pytest.raises(LookupFailed, match=code):
        await resolver.mx("a.test")
    dns.heal("a.test")
    assert len(await resolver.mx("a.test")) == 2


async def test_a_circle_of_aliases_fails(resolver: Resolver) -> None:
    with pytest.raises(LookupFailed, match="no sense"):
        await resolver.lookup("loop.a.test", "A")


@pytest.mark.parametrize(
    ("octets", "failure"),
    [
        (b"", "cannot be read"),
        (b"\x81\x80\0\1\xff\xff\0\0\0\0\0", "cannot be read"),
        (b"\x81\x80\0\1\0\0\0\0\0\0" + b"\xc0\x0c" * 9, "cannot be read"),  # a name that points at itself
        (b"\x81\x82\0\0\0\0\0\0\0\0", "SERVFAIL"),
        (b"\x81\x80\0\0\0\0\0\0\0\0", "in time"),  # what follows could be anybody's
        (b"\x01\x00\0\1\0\0\0\0\0\0", "in time"),
        (b"\x81\x80\0\1\0\0\0\0\0\0\1b\0\0\1\0\1", "in time"),
    ],
    ids=["nothing", "cut", "circle", "failure without question", "success without question", "a question", "another's"],
)
async def test_junk_is_no_answer(dns: DnsServer, octets: bytes, failure: str) -> None:
    dns.junk("a.test", octets)
    with pytest.raises(LookupFailed, match=failure):
        await Resolver([dns.address], seconds=0.5).lookup("a.test", "A")


async def test_silence_ends_with_the_deadline(dns: DnsServer) -> None:
    dns.silence("a.test")
    with pytest.raises(LookupFailed, match="in time"):
        await Resolver([dns.address], seconds=0.2).lookup("a.test", "A")


async def test_a_lost_datagram_is_sent_again(
    resolver: Resolver, dns: DnsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resolving, "PATIENCE", (0.1, 0.1, 10.0))
    dns.silence("mx.a.test")
    asking = asyncio.create_task(resolver.lookup("mx.a.test", "A"))
    while dns.asked["mx.a.test", "A"] < 2:
        await asyncio.sleep(0.01)
    dns.heal("mx.a.test")
    assert (await asking).records


async def test_what_does_not_fit_a_datagram_comes_over_tcp(resolver: Resolver, dns: DnsServer) -> None:
    dns.set("big.test", "TXT", [f'"{number:03}{"x" * 200}"' for number in range(20)])
    assert len(await resolver.txt("big.test")) == 20
    assert dns.asked_over_tcp["big.test", "TXT"] == 1


async def test_what_is_too_long_altogether_fails(resolver: Resolver, dns: DnsServer) -> None:
    dns.set("huge.test", "TXT", [f'"{number:03}{"x" * 250}"' for number in range(MAX_REPLY // 250)])
    with pytest.raises(LookupFailed, match="too long"):
        await resolver.txt("huge.test")


async def test_what_has_too_many_records_fails(resolver: Resolver, dns: DnsServer) -> None:
    dns.set("many.test", "TXT", [f'"{number}"' for number in range(MAX_RECORDS + 1)])
    with pytest.raises(LookupFailed, match="too long"):
        await resolver.txt("many.test")
    dns.set("many.test", "TXT", [f'"{number}"' for number in range(MAX_RECORDS)])
    assert len(await resolver.txt("many.test")) == MAX_RECORDS


async def test_guesses_are_ignored_and_many_move_the_question_to_tcp(
    resolver: Resolver, dns: DnsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exchanging, "MAX_GUESSES", 1)
    monkeypatch.setattr(resolving, "PATIENCE", (0.1,))
    truth = dns.answer
    monkeypatch.setattr(dns, "answer", lambda wire, *, is_tcp: truth(wire, is_tcp=True) if is_tcp else b"\0\0guess")
    with pytest.raises(LookupFailed, match="in time"):
        await resolver.lookup("mx.a.test", "A")
    monkeypatch.setattr(exchanging, "MAX_GUESSES", 0)
    assert (await resolver.lookup("mx.a.test", "A")).records


async def test_all_who_ask_the_same_share_one_question(resolver: Resolver, dns: DnsServer) -> None:
    await asyncio.gather(*(resolver.lookup("mx.a.test", "A") for _ in range(50)))
    await resolver.lookup("Mx.a.test.", "A")
    assert dns.asked["mx.a.test", "A"] == 1


async def test_who_gives_up_gives_up_alone(resolver: Resolver, dns: DnsServer) -> None:
    first, second = (asyncio.create_task(resolver.lookup("mx.a.test", "A")) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    assert (await second).records
    assert first.cancelled()


async def test_addresses_need_one_family_only(resolver: Resolver, dns: DnsServer) -> None:
    assert await resolver.addresses("four.a.test") == [IPv4Address("192.0.2.4")]
    assert await resolver.addresses("nobody.test") == []
    dns.fail("mx.a.test")
    with pytest.raises(LookupFailed):
        await resolver.addresses("mx.a.test")


async def test_a_server_that_fails_or_is_not_there_has_the_next_asked(dns: DnsServer) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as closed:
        closed.bind(("127.0.0.1", 0))
        nobody = f"127.0.0.1:{closed.getsockname()[1]}"
    with DnsServer() as broken:
        broken.fail("mx.a.test")
        resolver = Resolver([nobody, broken.address, dns.address], seconds=3)
        assert await resolver.addresses("mx.a.test")
        assert broken.asked["mx.a.test", "A"] == 1
    with pytest.raises(LookupFailed, match="no way"):
        await Resolver([nobody], seconds=3).lookup("a.test", "A")
