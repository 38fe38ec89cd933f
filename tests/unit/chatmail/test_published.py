"""Every record once as it should be, once missing, once different; and what agrees although it is written otherwise."""

from collections.abc import Iterator
from ipaddress import ip_address

import pytest

from chatmail.published import Finding, compare
from chatmail.zone import Record, bind, wanted
from shared.dns.resolver import Resolver
from shared.storage.operator import DkimRecord
from tests.dns_server import DnsServer

PORTS = {"submission": 587, "submissions": 465, "imap": 143, "imaps": 993}
KEYS = [
    DkimRecord("a.test", "default", f"v=DKIM1; k=rsa; p={'A' * 392}"),
    DkimRecord("a.test", "ed25519", "v=DKIM1; k=ed25519; p=eDk="),
]
RECORDS = wanted("mx.a.test", ["a.test"], [ip_address("192.0.2.1"), ip_address("2001:db8::1")], KEYS, PORTS)
OTHER = {
    "A": "192.0.2.9",
    "AAAA": "2001:db8::9",
    "MX": "0 .",
    "SRV": "0 1 1 mx.a.test.",
    "CAA": '0 issue ";"',
    "CNAME": "else.test.",
    "PTR": "else.test.",
}
OTHER_TEXTS = {
    "v=spf1": '"v=spf1 mx ~all"',
    "v=DKIM1;": '"v=DKIM1; k=rsa; p=BBBB"',
    "v=DMARC1;": '"v=DMARC1; p=none"',
    "v=STSv1;": '"v=STSv1; id=1;"',
    "v=TLSRPTv1;": '"v=TLSRPTv1;"',
}
IDS = [f"{record.kind} {record.name}" for record in RECORDS]


@pytest.fixture
def world() -> Iterator[DnsServer]:
    with DnsServer(bind(RECORDS)) as dns:
        for record in RECORDS:
            if record.kind == "PTR":
                dns.set(record.name, "PTR", [record.value])
        yield dns


async def look(world: DnsServer, *records: Record) -> list[Finding]:
    return await compare(records, Resolver([world.address], seconds=3))


def record(kind: str, name: str) -> Record:
    return next(record for record in RECORDS if (record.kind, record.name) == (kind, name))


async def test_a_zone_as_it_should_be(world: DnsServer) -> None:
    findings = await look(world, *RECORDS)
    assert [finding.state for finding in findings] == ["ok"] * len(RECORDS)


@pytest.mark.parametrize("record", RECORDS, ids=IDS)
async def test_a_record_that_is_missing(world: DnsServer, record: Record) -> None:
    world.set(record.name, record.kind, [])
    (finding,) = await look(world, record)
    assert (finding.state, finding.found, finding.is_bad) == ("missing", [], record.need == "required")


@pytest.mark.parametrize("record", RECORDS, ids=IDS)
async def test_a_record_that_differs(world: DnsServer, record: Record) -> None:
    other = OTHER_TEXTS[record.value.split()[0]] if record.kind == "TXT" else OTHER[record.kind]
    world.set(record.name, record.kind, [other])
    (finding,) = await look(world, record)
    assert finding.state == "differs"
    assert finding.found == [other.strip('"') if record.kind == "TXT" else other]


async def test_a_record_nobody_can_look_up(world: DnsServer) -> None:
    world.fail("a.test")
    (finding,) = await look(world, record("MX", "a.test"))
    assert (finding.state, finding.is_bad) == ("unreachable", True)


@pytest.mark.parametrize(
    ("kind", "name", "texts", "state"),
    [
        ("MX", "a.test", ["5 else.test.", "77 MX.a.test."], "ok"),
        ("A", "mx.a.test", ["192.0.2.7", "192.0.2.1"], "ok"),
        ("SRV", "_imaps._tcp.a.test", ["9 9 993 mx.a.test."], "ok"),
        ("CAA", "a.test", ['0 iodef "mailto:x@a.test"', '0 issue "other.test"'], "ok"),
        ("CAA", "a.test", ['0 iodef "mailto:x@a.test"'], "differs"),
        ("TXT", "a.test", ['"other=1"', '"V=SPF1 ip4:192.0.2.7 mx -all"'], "ok"),
        ("TXT", "a.test", ['"other=1"'], "missing"),
        ("TXT", "a.test", ['"v=spf1 mx -all"', '"v=spf1 -all"'], "differs"),
        ("TXT", "a.test", ['"v=spf1 -all mx"'], "differs"),
        ("TXT", "_dmarc.a.test", ['"v=DMARC1;aspf=s;" "adkim = s; p=reject; rua=mailto:x@a.test"'], "ok"),
        ("TXT", "ed25519._domainkey.a.test", ['"k=ed25519; p=eD k="'], "ok"),
        ("TXT", "default._domainkey.a.test", [f'"p={"A" * 200}" "{"A" * 192}; s=email; n=x"'], "ok"),
        ("TXT", "default._domainkey.a.test", [f'"p={"A" * 200}" "{"A" * 192}"', '"p="'], "differs"),
        ("TXT", "default._domainkey.a.test", ['"\\200\\027"'], "differs"),
        ("TXT", "_smtp._tls.a.test", ['"v=TLSRPTv1; rua=https://r.test/"'], "ok"),
        ("TXT", "_mta-sts.a.test", ['" ; "', '""', '"v=STSv2; id=1;"'], "missing"),
    ],
)
async def test_what_agrees_and_what_does_not(
    world: DnsServer, kind: str, name: str, texts: list[str], state: str
) -> None:
    world.set(name, kind, texts)
    (finding,) = await look(world, record(kind, name))
    assert finding.state == state


@pytest.mark.parametrize(
    ("addresses", "state"),
    [
        (["192.0.2.1"], "ok"),
        (["192.0.2.9"], "differs"),
        (["192.0.2.1", "192.0.2.9"], "differs"),
    ],
)
async def test_an_alias_may_be_addresses_of_its_own(world: DnsServer, addresses: list[str], state: str) -> None:
    world.set("mta-sts.a.test", "CNAME", [])
    world.set("mta-sts.a.test", "A", addresses)
    (finding,) = await look(world, record("CNAME", "mta-sts.a.test"))
    assert finding.state == state
    assert sorted(finding.found) == (addresses if state == "differs" else ["mx.a.test."])


async def test_an_exchanger_is_no_alias(world: DnsServer) -> None:
    world.set("mx.a.test", "A", [])
    world.set("mx.a.test", "CNAME", ["else.test."])
    world.set("else.test", "A", ["192.0.2.1"])
    (known,) = await look(world, record("A", "mx.a.test"))
    (unknown,) = await look(world, Record("mx.a.test", "mx.a.test", "A", "", "required"))
    assert (known.state, unknown.state, known.found) == ("differs", "differs", ["CNAME else.test."])


async def test_an_address_nobody_told_us_is_the_one_that_is_there(world: DnsServer) -> None:
    unknown = Record("mx.a.test", "mx.a.test", "A", "", "required")
    assert [finding.state for finding in await look(world, unknown)] == ["ok"]
    world.set("mx.a.test", "A", [])
    assert [finding.state for finding in await look(world, unknown)] == ["missing"]
