"""What TLS must prove: DANE, MTA-STS, or nothing but itself (T7, T8, N5); and what is counted."""

import ssl
import warnings
from typing import Any

import pytest
from queue_worker.transport import sts
from queue_worker.transport.values import Outcome, StoredPolicy

from shared.mail.trouble import Unavailable
from tests.certificates import Authority, Leaf, self_signed
from tests.remote import DROP, Remote
from tests.unit.queue_worker.transport.rig import Rig, letter

DELIVERED, LATER = Outcome.DELIVERED, Outcome.TRY_LATER
STS_HOST = "mta-sts.a.test"


def policy(mode: str = "enforce", mx: str = "mx.a.test", age: int = 86400) -> bytes:
    return f"version: STSv1\r\nmode: {mode}\r\nmx: {mx}\r\nmax_age: {age}\r\n".encode()


def publish(
    rig: Rig, text: bytes, *, status: int = 200, kind: str = "text/plain; charset=utf-8", id: str = "1"
) -> None:
    """Publish an MTA-STS policy; the policy host is the mail server itself, under its other name."""
    rig.dns.set("_mta-sts.a.test", "TXT", [f'"v=STSv1; id={id};"'])
    rig.dns.set(STS_HOST, "A", ["127.0.0.2"])
    rig.remote.pages["/.well-known/mta-sts.txt"] = (status, kind, text)


@pytest.fixture
def rig(rig: Rig) -> Rig:
    rig.no_https()
    rig.remote.replace_leaf(rig.authority.issue("mx.a.test", STS_HOST))
    return rig


async def outcome(rig: Rig) -> tuple[Outcome, str]:
    [result] = await rig.send()
    assert (result.outcome is DELIVERED) == bool(rig.remote.letters)
    assert all(arrived.is_encrypted for arrived in rig.remote.letters)
    return result.outcome, result.enhanced


# Without DANE or MTA-STS.


BAD = {
    "self-signed": self_signed("mx.a.test"),
    "wrong name": Authority().issue("mx.b.test"),
    "expired": self_signed("mx.a.test", days=-1),
}


@pytest.mark.parametrize("leaf", BAD.values(), ids=BAD.keys())
async def test_any_certificate_will_do_where_nothing_is_promised(rig: Rig, leaf: Leaf) -> None:
    rig.remote.replace_leaf(leaf)
    assert await outcome(rig) == (DELIVERED, "2.0.0")
    assert rig.counted == {("a.test", "no-policy-found", "success"): 1}


async def test_servers_without_a_name_are_not_counted(rig: Rig) -> None:
    courier = rig.courier("[127.0.0.2]")
    [result] = await courier.send(letter("bob@[127.0.0.2]"))
    assert (result.outcome, rig.counted) == (DELIVERED, {})
    await courier.close()


async def test_no_plaintext_ever(rig: Rig) -> None:
    """T7: STARTTLS is gone, and so are we."""
    rig.remote.context = None
    assert await outcome(rig) == (LATER, "4.7.4")
    assert rig.counted == {("a.test", "no-policy-found", "starttls-not-supported"): 1}
    assert not any(command.startswith("MAIL") for command in rig.remote.commands)


async def test_no_old_tls(rig: Rig) -> None:
    context = rig.authority.issue("mx.a.test").server_context()
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.options &= ~ssl.OP_NO_TLSv1_1
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    rig.remote.context = context
    assert await outcome(rig) == (LATER, "4.7.5")


async def test_a_server_is_asked_for_by_name(rig: Rig) -> None:
    context = rig.remote.context
    assert context
    context.sni_callback = lambda _tls, name, _context: rig.remote.names_asked.append(name)
    await rig.send()
    assert rig.remote.names_asked == ["mx.a.test"]


async def test_an_underscore_means_a_certificate_of_ones_own(rig: Rig) -> None:
    rig.remote.replace_leaf(self_signed("_a.test"))
    rig.dns.set("_a.test", "A", ["127.0.0.2"])
    courier = rig.courier("_a.test")
    assert (await courier.send(letter("bob@_a.test")))[0].outcome is DELIVERED
    assert rig.remote.letters[0].way == "https"
    assert rig.dns.asked["_mta-sts._a.test", "TXT"] == 0


# DANE.


def pin(rig: Rig, *texts: str, is_authentic: bool = True) -> None:
    rig.dns.is_authentic = True
    rig.dns.set("_25._tcp.mx.a.test", "TLSA", list(texts), is_authentic=is_authentic)


async def test_dane_fits(rig: Rig) -> None:
    leaf = self_signed("nobody.test", days=-1)
    rig.remote.replace_leaf(leaf)
    pin(rig, leaf.tlsa(3, 1, 1))
    assert await outcome(rig) == (DELIVERED, "2.0.0")
    assert rig.counted == {("a.test", "tlsa", "success"): 1}


async def test_dane_by_an_authority(rig: Rig) -> None:
    rig.remote.replace_leaf(rig.authority.issue("mx.a.test", shows_root=True))
    pin(rig, rig.authority.tlsa(2, 0, 1))
    assert await outcome(rig) == (DELIVERED, "2.0.0")


async def test_dane_does_not_fit(rig: Rig) -> None:
    """A certificate of a public authority does not help, nor does an MTA-STS policy, nor the other door."""
    pin(rig, self_signed("mx.a.test").tlsa(3, 1, 1))
    publish(rig, policy())
    rig.world.hosts.learn("mx.a.test", has_door=True, now=rig.now)
    assert await outcome(rig) == (LATER, "4.7.5")
    assert rig.counted == {("a.test", "tlsa", "validation-failure"): 1}


async def test_dane_that_nobody_can_use_means_encryption(rig: Rig) -> None:
    rig.remote.replace_leaf(self_signed("nobody.test"))
    pin(rig, "1 1 1 " + "00" * 32)
    assert await outcome(rig) == (DELIVERED, "2.0.0")


async def test_dane_needs_an_authentic_answer(rig: Rig) -> None:
    pin(rig, "3 1 1 " + "00" * 32, is_authentic=False)
    assert await outcome(rig) == (DELIVERED, "2.0.0")


@pytest.mark.parametrize("name", ["a.test", "mx.a.test"])
async def test_dane_needs_an_authentic_way_to_the_host(rig: Rig, name: str) -> None:
    pin(rig, "3 1 1 " + "00" * 32)
    kind, text = ("MX", "10 mx.a.test.") if name == "a.test" else ("A", "127.0.0.2")
    rig.dns.set(name, kind, [text], is_authentic=False)
    assert await outcome(rig) == (DELIVERED, "2.0.0")
    assert rig.dns.asked["_25._tcp.mx.a.test", "TLSA"] == 0


async def test_dane_that_cannot_be_looked_up_is_no_excuse(rig: Rig) -> None:
    rig.dns.is_authentic = True
    rig.dns.fail("_25._tcp.mx.a.test")
    assert await outcome(rig) == (LATER, "4.4.3")
    assert rig.remote.connections == 0


# MTA-STS.


async def test_sts_enforced_and_kept(rig: Rig) -> None:
    publish(rig, policy())
    assert await outcome(rig) == (DELIVERED, "2.0.0")
    assert rig.counted == {("a.test", "sts", "success"): 1}
    assert rig.policies.kept["a.test"] == StoredPolicy("1", policy(), rig.now, rig.now + 86400)


REASONS: dict[str, tuple[str, Any]] = {
    "certificate-not-trusted": ("self-signed", self_signed("mx.a.test", STS_HOST)),
    "certificate-expired": ("expired", -1),
    "certificate-host-mismatch": ("wrong name", STS_HOST),
}


@pytest.mark.parametrize("mode", ["enforce", "testing"])
@pytest.mark.parametrize("reason", REASONS)
async def test_sts_and_a_bad_certificate(rig: Rig, mode: str, reason: str) -> None:
    """T8."""
    await rig.policies.put("a.test", StoredPolicy("1", policy(mode), rig.now, rig.now + 1000))
    publish(rig, policy(mode))
    leaf = REASONS[reason][1]
    if leaf == -1:
        leaf = rig.authority.issue("mx.a.test", days=-1)
    elif leaf == STS_HOST:
        leaf = rig.authority.issue(STS_HOST)
    rig.remote.replace_leaf(leaf)
    assert await outcome(rig) == ((LATER, "4.7.5") if mode == "enforce" else (DELIVERED, "2.0.0"))
    assert rig.counted == {("a.test", "sts", reason): 1}


@pytest.mark.parametrize("mode", ["enforce", "testing"])
async def test_sts_does_not_list_the_host(rig: Rig, mode: str) -> None:
    publish(rig, policy(mode, mx="*.elsewhere.test"))
    assert await outcome(rig) == ((LATER, "4.7.5") if mode == "enforce" else (DELIVERED, "2.0.0"))
    assert rig.counted == {("a.test", "sts", "validation-failure"): 1}


async def test_sts_binds_the_other_door_too(rig: Rig) -> None:
    publish(rig, policy(mx="*.elsewhere.test"))
    rig.world.hosts.learn("mx.a.test", has_door=True, now=rig.now)
    assert await outcome(rig) == (LATER, "4.7.5")


async def test_sts_is_none(rig: Rig) -> None:
    publish(rig, policy("none"))
    rig.remote.replace_leaf(rig.authority.issue(STS_HOST))
    assert await outcome(rig) == (DELIVERED, "2.0.0")


FAILED = "sts-policy-fetch-error"
NO_POLICY: list[tuple[int, str, bytes, str]] = [
    (404, "text/plain", policy(), FAILED),
    (301, "text/plain", policy(), FAILED),
    (200, "text/html", policy(), FAILED),
    (200, "text/plain", policy() + b" " * 70_000, FAILED),
    (200, "text/plain", b"hello", "sts-policy-invalid"),
    (200, "text/plain", policy() + b"x: " + b"y" * 8192, "sts-policy-invalid"),
]


@pytest.mark.parametrize(("status", "kind", "text", "counted"), NO_POLICY, ids=lambda value: str(value)[:20])
async def test_sts_not_to_be_had(rig: Rig, status: int, kind: str, text: bytes, counted: str) -> None:
    publish(rig, text, status=status, kind=kind)
    for _ in range(2):  # the second time nobody asks
        await rig.send()
    assert len(rig.remote.letters) == 2
    assert rig.counted["a.test", "sts", counted] == 1
    assert rig.policies.kept == {}
    rig.now += 301
    publish(rig, policy())
    await rig.send()
    assert "a.test" in rig.policies.kept


async def test_sts_host_must_prove_itself(rig: Rig) -> None:
    publish(rig, policy())
    rig.remote.replace_leaf(rig.authority.issue("mx.a.test"))
    await rig.send()
    assert rig.counted["a.test", "sts", "sts-webpki-invalid"] == 1
    assert rig.policies.kept == {}


async def test_sts_that_cannot_be_asked_for_is_not_forgotten(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """While Postgres is away nobody knows whether the domain has made a promise: that is our trouble, not its."""

    async def away(_domain: str) -> None:
        raise Unavailable

    rig.no_https()
    monkeypatch.setattr(rig.policies, "get", away)
    [result] = await rig.send()
    assert (result.outcome, result.code, result.enhanced, result.is_of_destination) == (LATER, 451, "4.3.0", False)
    assert rig.remote.connections == 0
    assert caplog.records == []  # a failure of the store is no error of the transport, at every letter anew


async def test_sts_host_in_a_private_network_is_not_asked(rig: Rig) -> None:
    publish(rig, policy())
    rig.change(may_dial_private=False)
    assert await sts.policy_of("a.test", rig.world) is None
    assert rig.remote.https_connections == 0


@pytest.mark.parametrize("trouble", ["record gone", "DNS gone", "host gone", "new policy broken"])
async def test_sts_binds_while_it_lives(rig: Rig, trouble: str) -> None:
    publish(rig, policy("enforce", age=200_000))
    assert await sts.policy_of("a.test", rig.world)
    rig.now += 100_000
    match trouble:
        case "record gone":
            rig.dns.set("_mta-sts.a.test", "TXT", [])
        case "DNS gone":
            rig.dns.fail("_mta-sts.a.test")
        case "host gone":
            rig.remote.at("GET", DROP)
            rig.remote.pages.clear()
        case _:
            publish(rig, b"hello", id="2")
    rig.remote.replace_leaf(self_signed("mx.a.test"))
    assert await outcome(rig) == (LATER, "4.7.5")
    rig.now += 100_001
    assert (await rig.send())[0].outcome is DELIVERED  # it has expired


async def test_sts_is_fetched_anew_when_its_id_changes_and_every_day(rig: Rig) -> None:
    publish(rig, policy(age=1_000_000_000))
    await sts.policy_of("a.test", rig.world)
    await sts.policy_of("a.test", rig.world)
    assert len(rig.remote.requests) == 1
    assert rig.policies.kept["a.test"].expires == rig.now + 31_557_600  # and not later
    rig.now += 86_401
    await sts.policy_of("a.test", rig.world)
    assert len(rig.remote.requests) == 2


async def test_sts_of_the_second_host(rig: Rig, remotes: Any) -> None:
    """The host that is listed is used, the one in front of it is not."""
    publish(rig, policy(mx="mx2.a.test"))
    rig.dns.set("a.test", "MX", ["10 mx.a.test.", "20 mx2.a.test."])
    rig.dns.set("mx2.a.test", "A", ["127.0.0.3"])
    second: Remote = remotes("127.0.0.3", "mx2.a.test")
    [result] = await rig.send()
    assert (result.outcome, result.host) == (DELIVERED, "mx2.a.test")
    assert len(second.letters) == 1
    assert rig.remote.connections == 0
