"""One destination over several letters and several hosts."""

import asyncio
import errno
from collections.abc import Callable
from typing import Any

import pytest
from queue_worker.transport import dial, places
from queue_worker.transport.channel import Channel
from queue_worker.transport.values import Outcome, Route, Terms

from tests.remote import DROP, HANG, RESET, Action, Remote
from tests.unit.queue_worker.transport.rig import Rig, letter

DELIVERED, LATER, REFUSED, AMBIGUOUS = Outcome.DELIVERED, Outcome.TRY_LATER, Outcome.REFUSED, Outcome.AMBIGUOUS
Start = Callable[[str, str], Remote]


@pytest.fixture
def second(rig: Rig, remotes: Start) -> Remote:
    """A second mail server of a.test, less preferred."""
    rig.no_https()
    rig.dns.set("a.test", "MX", ["10 mx.a.test.", "20 mx2.a.test."])
    rig.dns.set("mx2.a.test", "A", ["127.0.0.3"])
    rig.world.hosts.learn("mx2.a.test", has_door=False, now=rig.now)
    return remotes("127.0.0.3", "mx2.a.test")


# what the first host does, and if the second is asked
NEXT: list[tuple[str, Action, bool]] = [
    ("CONNECT", "554 5.7.1 go away", True),
    ("CONNECT", DROP, True),
    ("EHLO", "502 5.5.1 no", True),
    ("STARTTLS", "454 4.7.0 no", True),
    ("TLS", RESET, True),
    ("MAIL", DROP, True),
    ("MAIL", "421 4.3.2 busy", True),
    ("RCPT", RESET, True),
    ("DATA", "421 4.3.2 busy", True),
    ("DOT", "421 4.3.2 busy", True),
    ("MAIL", "451 4.7.1 greylisted", False),
    ("MAIL", "550 5.7.1 no", False),
    ("RCPT", "550 5.1.1 nobody", False),
    ("DOT", "451 4.3.0 later", False),
    ("DOT", "554 5.7.1 no", False),
    ("DOT", DROP, False),
    ("DOT", HANG, False),
    ("DOT", "nonsense", False),
]


@pytest.mark.parametrize(("step", "action", "is_next_asked"), NEXT, ids=str)
async def test_next_host(rig: Rig, second: Remote, step: str, action: Action, is_next_asked: bool) -> None:
    rig.change(final_seconds=0.3)
    rig.remote.at(step, action)
    [result] = await rig.send()
    assert bool(second.letters) == is_next_asked
    assert (result.outcome is DELIVERED) == is_next_asked
    assert result.host == ("mx2.a.test" if is_next_asked else "mx.a.test")


async def test_a_refused_connection_leads_to_the_next_host(rig: Rig, second: Remote) -> None:
    rig.remote.stop()
    assert (await rig.send())[0].host == "mx2.a.test"


async def test_two_sessions_are_enough(rig: Rig, second: Remote, remotes: Start) -> None:
    rig.dns.set("a.test", "MX", ["10 mx.a.test.", "20 mx2.a.test.", "30 mx3.a.test."])
    rig.dns.set("mx3.a.test", "A", ["127.0.0.4"])
    third = remotes("127.0.0.4", "mx3.a.test")
    rig.remote.at("MAIL", DROP)
    second.at("MAIL", "421 4.3.2 busy")
    [result] = await rig.send()
    assert (result.outcome, result.host, result.is_of_destination) == (LATER, "mx2.a.test", True)
    assert third.connections == 0


async def test_nobody_there(rig: Rig) -> None:
    rig.remote.stop()
    [result] = await rig.send()
    assert (result.outcome, result.enhanced, result.host, result.is_of_destination) == (LATER, "4.4.1", "", True)


async def test_a_host_that_does_not_answer_costs_the_time_given(rig: Rig) -> None:
    rig.no_https()
    rig.change(connect_seconds=0.3, may_dial_private=True)
    rig.dns.set("mx.a.test", "A", ["10.255.255.1"])  # nobody answers, or nobody can get there
    [result] = await rig.send()
    assert (result.outcome, result.enhanced) == (LATER, "4.4.1")


async def test_the_address_that_answers_is_taken(rig: Rig) -> None:
    rig.no_https()
    rig.dns.set("mx.a.test", "A", ["127.0.0.9", "127.0.0.2"])
    rig.dns.set("mx.a.test", "AAAA", ["::1"])
    assert (await rig.send())[0].outcome is DELIVERED


async def test_connections_are_kept(rig: Rig) -> None:
    rig.no_https()
    courier = rig.courier()
    for _ in range(5):
        await courier.send(letter())
    assert (rig.remote.connections, len(rig.remote.letters)) == (1, 5)


async def test_connections_are_limited(rig: Rig) -> None:
    rig.no_https()
    rig.change(connections=3)
    courier = rig.courier()
    results = await asyncio.gather(*(courier.send(letter(f"{number}@a.test")) for number in range(20)))
    assert all(result.outcome is DELIVERED for [result] in results)
    assert len(rig.remote.letters) == 20
    assert 1 <= rig.remote.connections <= 3
    assert courier.is_idle


async def test_connections_are_worn_out(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("queue_worker.transport.connections.MAX_USES", 2)
    rig.no_https()
    courier = rig.courier()
    for _ in range(5):
        await courier.send(letter())
    assert rig.remote.connections == 3


async def test_idle_connections_are_closed(rig: Rig) -> None:
    rig.no_https()
    rig.change(idle_seconds=0.05)
    courier = rig.courier()
    await courier.send(letter())
    await _until(lambda: "QUIT" in rig.remote.commands)
    assert (await courier.send(letter()))[0].outcome is DELIVERED
    assert rig.remote.connections == 2


@pytest.mark.parametrize("action", [DROP, RESET, "421 4.4.2 idle too long", "250 senseless", "451 no"], ids=str)
async def test_a_kept_connection_that_grew_stale_is_replaced(rig: Rig, action: Action) -> None:
    rig.no_https()
    courier = rig.courier()
    await courier.send(letter())
    rig.remote.at("RSET", action, times=1)
    assert (await courier.send(letter()))[0].outcome is DELIVERED
    assert len(rig.remote.letters) == 2


async def test_a_kept_connection_the_remote_has_closed(rig: Rig) -> None:
    rig.no_https()
    courier = rig.courier()
    await courier.send(letter())
    rig.remote.stop()
    rig.remote.start()
    assert (await courier.send(letter()))[0].outcome is DELIVERED


async def test_a_cancelled_letter_leaves_nothing_behind(rig: Rig) -> None:
    rig.no_https()
    courier = rig.courier()
    rig.remote.at("DOT", HANG, times=1)
    sending = asyncio.create_task(courier.send(letter()))
    await _until(lambda: bool(rig.remote.letters))
    sending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sending
    assert courier.is_idle
    assert (await courier.send(letter()))[0].outcome is DELIVERED
    assert rig.remote.connections == 2


async def test_a_closed_courier_keeps_nothing(rig: Rig) -> None:
    rig.no_https()
    courier = rig.courier()
    await courier.send(letter())
    await courier.close()
    await _until(lambda: rig.remote.commands[-1] == "QUIT")
    await courier.send(letter())
    await _until(lambda: rig.remote.commands.count("QUIT") == 2)


async def test_our_own_trouble_is_not_the_destinations(rig: Rig) -> None:
    async def broken(*_: Any) -> None:
        raise RuntimeError("secret")

    rig.policies.get = broken  # type: ignore[method-assign,assignment]
    [result] = await rig.send()
    assert (result.outcome, result.enhanced, result.is_of_destination) == (LATER, "4.3.0", False)
    assert "secret" not in result.text


ROUTES = [("127.0.0.2", "encrypted", True), ("mx.a.test", "verified", True), ("127.0.0.2", "verified", False)]


@pytest.mark.parametrize(("host", "tls", "is_delivered"), ROUTES, ids=str)
async def test_routes(rig: Rig, host: str, tls: Any, is_delivered: bool) -> None:
    rig.change(may_dial_private=False)  # an operator's word is above it
    courier = rig.courier("b.test", Route(host, rig.remote.port, tls))
    [result] = await courier.send(letter("bob@b.test"))
    assert (result.outcome is DELIVERED) == is_delivered


@pytest.mark.parametrize(("tls", "is_delivered"), [("any", True), ("encrypted", False), ("verified", False)])
async def test_only_a_route_may_go_without_tls(rig: Rig, tls: Any, is_delivered: bool) -> None:
    with Remote("127.0.0.5") as plain:
        courier = rig.courier("b.test", Route("127.0.0.5", plain.port, tls))
        [result] = await courier.send(letter("bob@b.test"))
        assert (result.outcome is DELIVERED) == is_delivered
        assert bool(plain.letters) == is_delivered
        assert rig.counted["b.test", "no-policy-found", "starttls-not-supported"] == 1


@pytest.mark.parametrize("source", ["127.0.0.77", "0.0.0.0"])
async def test_the_source_is_ours_to_choose(rig: Rig, source: str) -> None:
    rig.change(sources=(source, "::1"))
    await rig.send()
    assert rig.remote.letters[0].peer == ("127.0.0.77" if source == "127.0.0.77" else "127.0.0.1")


@pytest.mark.parametrize("code", [errno.EMFILE, errno.ENFILE], ids=errno.errorcode.get)
@pytest.mark.parametrize("who", ["queue_worker.transport.dial._open", "shared.dns.resolver.exchange"])
async def test_a_process_without_sockets_blames_nobody(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, who: str, code: int
) -> None:
    async def nothing_left(*_: object) -> None:
        raise OSError(code, "no")

    monkeypatch.setattr(who, nothing_left)
    with caplog.at_level("INFO"):
        results = [(await rig.send())[0] for _ in range(3)]
        rig.now += 61
        results += await rig.send()
    assert {(r.outcome, r.code, r.enhanced, r.is_of_destination) for r in results} == {(LATER, 451, "4.3.0", False)}
    assert [record.message for record in caplog.records] == ["out-of-sockets"] * 2  # once a minute
    assert rig.world.hosts.has_door("mx.a.test", rig.now) is None
    assert not rig.counted
    monkeypatch.undo()
    assert (await rig.send())[0].outcome is DELIVERED


async def test_an_address_that_answers_is_enough(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    rig.no_https()
    rig.dns.set("mx.a.test", "A", ["127.0.0.2", "127.0.0.3"])
    really = dial._open

    async def sometimes(address: places.IpAddress, port: int, terms: Terms) -> Channel:
        if str(address) == "127.0.0.3":
            raise OSError(errno.EMFILE, "no")
        return await really(address, port, terms)

    monkeypatch.setattr(dial, "_open", sometimes)
    assert (await rig.send())[0].outcome is DELIVERED


async def _until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not is_so():
            await asyncio.sleep(0.01)
