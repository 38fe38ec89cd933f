"""Where a message comes from, asked of a real resolver over a zone that breaks in every way."""

import asyncio
import threading
import time
from collections.abc import Iterator, Sequence
from functools import cache
from ipaddress import ip_address
from typing import Any, cast

import pytest

from shared.address import parse
from shared.dns.answer import Answer
from shared.dns.resolver import Resolver
from shared.inbound import origin
from shared.inbound.origin import Origins
from shared.mail import reply
from shared.mail.dkim.private import load, make_ed25519, make_rsa, public_record
from shared.mail.dkim.sign import Signer
from shared.mail.headers import scan
from shared.mail.message import read
from shared.mail.reply import Reply
from shared.policy.verdict import Reject
from tests.dns_server import DnsServer

OURS = frozenset({"ours.test", "[192.0.2.9]"})
PEER = "192.0.2.1"
ELSEWHERE = "192.0.2.77"

ZONE = """
a.test. 300 IN MX 10 mx.a.test.
a.test. 300 IN TXT "v=spf1 ip4:192.0.2.1 -all"
mail.a.test. 300 IN A 192.0.2.1
mail.a.test. 300 IN TXT "v=spf1 a -all"
loose.test. 300 IN MX 10 mx.loose.test.
bare.test. 300 IN A 192.0.2.5
null.test. 300 IN MX 0 .
soft.test. 300 IN A 192.0.2.5
soft.test. 300 IN TXT "v=spf1 ~all"
broken.test. 300 IN A 192.0.2.5
broken.test. 300 IN TXT "v=spf1 nonsense"
strict.test. 300 IN A 192.0.2.1
strict.test. 300 IN TXT "v=spf1 a -all"
_dmarc.strict.test. 300 IN TXT "v=DMARC1; p=reject; adkim=s; aspf=s"
news.strict.test. 300 IN A 192.0.2.1
news.strict.test. 300 IN TXT "v=spf1 a -all"
firm.test. 300 IN A 192.0.2.1
_dmarc.firm.test. 300 IN TXT "v=DMARC1; p=quarantine"
list.firm.test. 300 IN A 192.0.2.1
list.firm.test. 300 IN TXT "v=spf1 a -all"
two.test. 300 IN A 192.0.2.1
_dmarc.two.test. 300 IN TXT "v=DMARC1; p=reject"
_dmarc.two.test. 300 IN TXT "v=DMARC1; p=none"
calm.test. 300 IN A 192.0.2.1
_dmarc.calm.test. 300 IN TXT "v=DMARC1; p=none; sp=reject"
below.calm.test. 300 IN A 192.0.2.1
"""


@cache
def pem(kind: str) -> str:
    return make_rsa() if kind == "rsa" else make_ed25519()


@pytest.fixture(scope="module")
def zone() -> Iterator[DnsServer]:
    with DnsServer(ZONE) as server:
        for domain in ("a.test", "_self.test", "strict.test", "news.strict.test", "firm.test", "list.firm.test"):
            publish(server, domain, "rsa")
        publish(server, "a.test", "ed")
        publish(server, "evil.test", "rsa")
        server.set("revoked._domainkey.a.test", "TXT", ['"v=DKIM1; p="'])
        server.fail("mute._domainkey.a.test")
        server.fail("mute._domainkey.firm.test")
        server.fail("dead.test")
        server.fail("_dmarc.unsure.test")
        server.set("unsure.test", "A", ["192.0.2.1"])
        server.set("half.test", "A", ["192.0.2.1"])
        server.set("half.test", "TXT", ['"v=spf1 include:dead.test -all"'])
        yield server


def publish(server: DnsServer, domain: str, kind: str) -> None:
    record = public_record(pem(kind))
    texts = " ".join(f'"{record[at : at + 250]}"' for at in range(0, len(record), 250))
    server.set(f"{kind}._domainkey.{domain}", "TXT", [texts])


def letter(author: str, *signers: str, body: bytes = b"Hello\r\n") -> bytes:
    """A message signed by each `domain/selector/key` in turn; the key's name is the selector's unless it is given."""
    raw = b"From: " + author.encode() + b"\r\nSubject: x\r\n\r\n" + body
    for signer in signers:
        domain, selector, *other = signer.split("/")
        kind = other[0] if other else selector
        raw = Signer(domain, {selector: load(pem(kind))}).sign(raw, scan(memoryview(raw)), int(time.time())) + raw
    return raw


async def judge(
    zone: DnsServer | Any, raw: bytes, sender: str, *unsigned: str, peer: str = PEER, helo: str = "mx.a.test"
) -> Reply | None:
    resolver = Resolver([zone.address]) if isinstance(zone, DnsServer) else cast(Resolver, zone)
    origins = Origins(resolver, OURS, frozenset(unsigned))
    envelope = parse(sender) if sender else None
    verdict = await origins.judge(raw, read(raw), envelope, ip_address(peer), helo)
    return verdict.reply if isinstance(verdict, Reject) else None


def altered(raw: bytes) -> bytes:
    return raw.replace(b"Hello", b"Hallo")


SIGNED = letter("a@a.test", "a.test/rsa")


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        pytest.param(SIGNED, None, id="rsa"),
        pytest.param(letter("a@a.test", "a.test/ed"), None, id="ed25519"),
        pytest.param(letter("a@A.TEST", "a.test/rsa"), None, id="case"),
        pytest.param(letter("a@_self.test", "_self.test/rsa"), None, id="underscore"),
        pytest.param(letter("a@a.test", "a.test/rsa", "evil.test/rsa"), None, id="two-one-ours"),
        pytest.param(letter("a@a.test", "a.test/nokey/rsa", "a.test/ed"), None, id="two-one-good"),
        pytest.param(letter("a@a.test", "a.test/rsa", "a.test/mute/rsa"), None, id="good-beside-unknown"),
        pytest.param(letter("a@a.test"), reply.NO_SIGNATURE, id="none"),
        pytest.param(altered(SIGNED), reply.NO_VALID_SIGNATURE, id="altered"),
        pytest.param(letter("a@a.test", "evil.test/rsa"), reply.NO_VALID_SIGNATURE, id="foreign"),
        pytest.param(letter("a@mail.a.test", "a.test/rsa"), reply.NO_VALID_SIGNATURE, id="parent"),
        pytest.param(letter("a@strict.test", "news.strict.test/rsa"), reply.NO_VALID_SIGNATURE, id="child"),
        pytest.param(letter("a@a.test", "a.test/rsa/ed"), reply.NO_VALID_SIGNATURE, id="other-key"),
        pytest.param(letter("a@a.test", "a.test/nokey/rsa"), reply.NO_VALID_SIGNATURE, id="key-nxdomain"),
        pytest.param(letter("a@a.test", "a.test/revoked/rsa"), reply.NO_VALID_SIGNATURE, id="key-revoked"),
        pytest.param(letter("a@a.test", "a.test/mute/rsa"), reply.ORIGIN_UNKNOWN, id="key-servfail"),
        pytest.param(altered(letter("a@a.test", "a.test/mute/rsa")), reply.NO_VALID_SIGNATURE, id="hopeless"),
        pytest.param(letter("a@ours.test", "a.test/rsa"), reply.USE_SUBMISSION, id="ours"),
        pytest.param(letter("nobody", "a.test/rsa"), reply.FORGED_FROM, id="no-author"),
        pytest.param(b"From: b@b.test\r\n" + SIGNED, reply.FORGED_FROM, id="two-from"),
        pytest.param(letter("a@[192.0.2.1]"), None, id="literal"),
        pytest.param(letter("a@[192.0.2.2]"), reply.FOREIGN_LITERAL, id="foreign-literal"),
        pytest.param(letter("a@[192.0.2.9]", "a.test/rsa"), reply.USE_SUBMISSION, id="our-literal"),
    ],
)
@pytest.mark.parametrize("peer", [PEER, "::ffff:192.0.2.1"])
async def test_signed(zone: DnsServer, raw: bytes, expected: Reply | None, peer: str) -> None:
    assert await judge(zone, raw, "other@b.test", peer=peer) == expected


CLASSIC: Sequence[tuple[str, str, str, Reply | None]] = [
    ("a@a.test", "a@a.test", PEER, None),
    ("a@a.test", "a@a.test", ELSEWHERE, reply.SPF_FAILED),
    ("a@loose.test", "a@loose.test", PEER, None),
    ("a@bare.test", "a@bare.test", PEER, None),
    ("a@soft.test", "a@soft.test", PEER, None),
    ("a@null.test", "a@null.test", PEER, reply.NO_WAY_BACK),
    ("a@nowhere.test", "a@nowhere.test", PEER, reply.NO_WAY_BACK),
    ("a@dead.test", "a@dead.test", PEER, reply.ORIGIN_UNKNOWN),
    ("a@broken.test", "a@broken.test", PEER, reply.SPF_BROKEN),
    ("a@half.test", "a@half.test", PEER, reply.ORIGIN_UNKNOWN),
    ("a@unsure.test", "a@unsure.test", PEER, reply.ORIGIN_UNKNOWN),
    ("a@strict.test", "a@strict.test", PEER, None),
    ("a@strict.test", "a@a.test", PEER, reply.DMARC_OBJECTS),
    ("a@strict.test", "a@news.strict.test", PEER, reply.DMARC_OBJECTS),
    ("a@news.strict.test", "a@strict.test", PEER, reply.DMARC_OBJECTS),
    ("a@firm.test", "a@list.firm.test", PEER, None),
    ("a@firm.test", "a@firm.test", PEER, reply.DMARC_OBJECTS),  # no SPF record: nobody vouches
    ("a@two.test", "a@two.test", PEER, None),
    ("a@calm.test", "a@bare.test", PEER, None),
    ("a@below.calm.test", "a@bare.test", PEER, reply.DMARC_OBJECTS),
    ("a@a.test", "a@[192.0.2.1]", PEER, None),
    ("a@a.test", "a@[192.0.2.1]", ELSEWHERE, reply.NO_WAY_BACK),
    ("a@[192.0.2.1]", "a@[192.0.2.1]", ELSEWHERE, reply.FOREIGN_LITERAL),
    ("a@ours.test", "a@a.test", PEER, reply.USE_SUBMISSION),
]


@pytest.mark.parametrize(("author", "sender", "peer", "expected"), CLASSIC)
async def test_unsigned(zone: DnsServer, author: str, sender: str, peer: str, expected: Reply | None) -> None:
    assert await judge(zone, letter(author), sender, "*", peer=peer) == expected


@pytest.mark.parametrize(
    ("helo", "expected"),
    [
        ("mail.a.test", None),
        ("a.test", None),
        ("nowhere.test", reply.NO_WAY_BACK),
        ("[192.0.2.1]", None),
        ("[192.0.2.2]", reply.NO_WAY_BACK),
        ("", reply.NO_WAY_BACK),
        ("not a name", reply.NO_WAY_BACK),
        ("x" * 5000, reply.NO_WAY_BACK),
        ("null.test", reply.NO_WAY_BACK),
    ],
)
async def test_null_sender(zone: DnsServer, helo: str, expected: Reply | None) -> None:
    assert await judge(zone, letter("mailer-daemon@a.test"), "", "*", helo=helo) == expected


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        pytest.param(letter("a@strict.test", "strict.test/rsa"), None, id="exact"),
        pytest.param(letter("a@strict.test", "news.strict.test/rsa"), reply.DMARC_OBJECTS, id="strict-child"),
        pytest.param(letter("a@firm.test", "list.firm.test/rsa"), None, id="relaxed-child"),
        pytest.param(letter("a@list.firm.test", "firm.test/rsa"), None, id="relaxed-parent"),
        pytest.param(altered(letter("a@firm.test", "list.firm.test/rsa")), reply.DMARC_OBJECTS, id="altered"),
        pytest.param(letter("a@firm.test", "evil.test/rsa"), reply.DMARC_OBJECTS, id="foreign"),
        pytest.param(letter("a@firm.test", "firm.test/mute/rsa"), reply.ORIGIN_UNKNOWN, id="unknown"),
        pytest.param(letter("a@a.test", "a.test/mute/rsa"), None, id="unknown-without-policy"),
        pytest.param(altered(SIGNED), None, id="invalid-without-policy"),
    ],
)
async def test_signatures_of_those_who_need_none(zone: DnsServer, raw: bytes, expected: Reply | None) -> None:
    assert await judge(zone, raw, "bounce@bare.test", "*") == expected


@pytest.mark.parametrize(("unsigned", "expected"), [("a.test", None), ("bare.test", reply.NO_SIGNATURE)])
async def test_only_for_the_domains_named(zone: DnsServer, unsigned: str, expected: Reply | None) -> None:
    assert await judge(zone, letter("a@a.test"), "a@a.test", unsigned) == expected


class Nowhere:
    """A resolver that counts questions and never answers."""

    def __init__(self) -> None:
        self.asked = 0

    async def lookup(self, name: str, kind: str) -> Answer:
        self.asked += 1
        await asyncio.Event().wait()
        raise AssertionError

    async def txt(self, name: str) -> list[bytes]:
        return list((await self.lookup(name, "TXT")).records)

    mx = addresses = txt


@pytest.mark.parametrize("unsigned", [(), ("*",)])
@pytest.mark.parametrize("raw", [SIGNED, letter("a@firm.test", "list.firm.test/rsa")])
async def test_silent_dns_ends_in_time(monkeypatch: pytest.MonkeyPatch, raw: bytes, unsigned: tuple[str, ...]) -> None:
    monkeypatch.setattr(origin, "DNS_SECONDS", 0.05)
    expected = reply.ORIGIN_UNKNOWN if unsigned or raw is SIGNED else reply.NO_VALID_SIGNATURE
    assert await judge(Nowhere(), raw, "a@a.test", *unsigned) == expected


async def test_a_flood_of_signatures_asks_five_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(origin, "DNS_SECONDS", 0.05)
    nowhere = Nowhere()
    await judge(nowhere, letter("a@a.test", *(f"a.test/s{n}/ed" for n in range(20))), "a@a.test")
    assert nowhere.asked == 5


@pytest.mark.parametrize("raw", [letter("a@a.test"), letter("a@a.test", "evil.test/rsa"), letter("a@[192.0.2.1]")])
async def test_nothing_is_asked_in_vain(raw: bytes) -> None:
    nowhere = Nowhere()
    await judge(nowhere, raw, "a@a.test")
    assert nowhere.asked == 0


@pytest.mark.parametrize(("size", "is_threaded"), [(1000, False), (origin.LARGE, True)])
async def test_long_messages_are_hashed_on_a_thread(
    zone: DnsServer, monkeypatch: pytest.MonkeyPatch, size: int, is_threaded: bool
) -> None:
    seen = []
    real = origin.dkim.judge

    def watched(*job: Any) -> Any:
        seen.append(threading.current_thread() is not threading.main_thread())
        return real(*job)

    monkeypatch.setattr(origin.dkim, "judge", watched)
    raw = letter("a@a.test", "a.test/rsa", body=b"Hello there\r\n" * (size // 12))
    assert await judge(zone, raw, "a@a.test") is None
    assert seen == [is_threaded]


async def test_every_signature_is_judged_once(zone: DnsServer, monkeypatch: pytest.MonkeyPatch) -> None:
    judged: list[str] = []
    real = origin.dkim.judge

    def watched(raw: bytes, facts: Any, candidates: Any, *rest: Any) -> Any:
        judged.extend(signature.domain for signature in candidates)
        return real(raw, facts, candidates, *rest)

    monkeypatch.setattr(origin.dkim, "judge", watched)
    raw = altered(letter("a@firm.test", "firm.test/rsa", "list.firm.test/rsa", "evil.test/rsa"))
    assert await judge(zone, raw, "a@a.test", "*") == reply.DMARC_OBJECTS
    assert judged == ["firm.test", "list.firm.test"]


async def test_the_line_for_a_thread_ends(zone: DnsServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(origin, "HASH_SECONDS", 0.02)
    monkeypatch.setattr(origin, "_MAX_HASHING", 0)
    raw = letter("a@a.test", "a.test/rsa", body=b"Hello there\r\n" * 30_000)
    assert await judge(zone, raw, "a@a.test") == reply.ORIGIN_UNKNOWN


async def test_the_local_part_is_not_asked_for(zone: DnsServer) -> None:
    zone.set("tell.test", "A", ["192.0.2.1"])
    zone.set("tell.test", "TXT", ['"v=spf1 exists:%{l}.tell.test exists:%{s}.tell.test -all"'])
    assert await judge(zone, letter("alice@tell.test"), "alice@tell.test", "*") is None
    assert not any("alice" in name for name, _ in zone.asked)
