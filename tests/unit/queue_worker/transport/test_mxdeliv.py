"""HTTPS first: which hosts get it, and what each answer means."""

import pytest
from queue_worker.transport.values import Outcome, Route

from tests.certificates import self_signed
from tests.remote import DROP, HANG, RESET, Action
from tests.unit.queue_worker.transport.rig import MESSAGE, Rig, letter

DELIVERED, LATER, REFUSED, AMBIGUOUS = Outcome.DELIVERED, Outcome.TRY_LATER, Outcome.REFUSED, Outcome.AMBIGUOUS

# the answer to POST, outcome, code, enhanced, by which way the letter arrived in the end
WAIT = b"HTTP/1.1 100 Continue\r\n\r\n"
ANSWERS: list[tuple[Action, Outcome, int, str, list[str]]] = [
    ((200, ""), DELIVERED, 250, "2.0.0", ["https"]),
    ((400, "554 5.7.1 No DKIM signature found"), REFUSED, 554, "5.7.1", ["https"]),
    ((400, "550 nobody"), REFUSED, 550, "5.0.0", ["https"]),
    ((400, "450 4.7.1 later"), LATER, 450, "4.7.1", ["https"]),
    ((413, ""), REFUSED, 552, "5.3.4", ["https"]),
    ((400, "Bad Request"), DELIVERED, 250, "2.0.0", ["https", "smtp"]),
    ((404, "No valid recipients"), DELIVERED, 250, "2.0.0", ["https", "smtp"]),
    ((405, ""), DELIVERED, 250, "2.0.0", ["https", "smtp"]),
    ((301, ""), DELIVERED, 250, "2.0.0", ["https", "smtp"]),
    ((500, ""), DELIVERED, 250, "2.0.0", ["https", "smtp"]),
    ((503, "554 5.7.1 not a verdict"), DELIVERED, 250, "2.0.0", ["https", "smtp"]),
    ((504, ""), AMBIGUOUS, 451, "4.4.2", ["https"]),
    (DROP, AMBIGUOUS, 451, "4.4.2", ["https"]),
    (HANG, AMBIGUOUS, 451, "4.4.2", ["https"]),
    (b"hello\r\n\r\n", AMBIGUOUS, 451, "4.4.2", ["https"]),
    (b"HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\nand no more", DELIVERED, 250, "2.0.0", ["https"]),
    (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000, AMBIGUOUS, 451, "4.4.2", ["https"]),
    (WAIT * 10 + b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", DELIVERED, 250, "2.0.0", ["https"]),
    (WAIT * 11 + b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", AMBIGUOUS, 451, "4.4.2", ["https"]),
]


@pytest.mark.parametrize(("answer", "outcome", "code", "enhanced", "ways"), ANSWERS, ids=lambda value: str(value)[:30])
async def test_answers(rig: Rig, answer: Action, outcome: Outcome, code: int, enhanced: str, ways: list[str]) -> None:
    rig.change(final_seconds=0.4 if answer is HANG or isinstance(answer, bytes) else 5)
    rig.remote.at("POST", answer)
    results = await rig.send("bob@a.test", "eve@a.test")
    assert [(result.outcome, result.code, result.enhanced) for result in results] == [(outcome, code, enhanced)] * 2
    assert [arrived.way for arrived in rig.remote.letters] == ways


async def test_the_wire_form(rig: Rig) -> None:
    await rig.courier().send(letter("bob@a.test", "eve@a.test"))
    [arrived] = rig.remote.letters
    assert (arrived.sender, arrived.recipients) == ("ann@here.test", ("bob@a.test", "eve@a.test"))
    assert arrived.octets == MESSAGE
    await rig.courier().send(letter(sender=""))
    assert rig.remote.letters[-1].sender == ""


# what the probe finds, and the way the letter goes
PROBES: list[tuple[str, Action, str]] = [
    ("GET", (405, ""), "https"),
    ("GET", (200, "welcome"), "smtp"),
    ("GET", (404, ""), "smtp"),
    ("GET", (301, ""), "smtp"),
    ("GET", DROP, "smtp"),
    ("HTTPS", RESET, "smtp"),
    ("HTTPS", b"220 smtp.test\r\n", "smtp"),
]


@pytest.mark.parametrize(("step", "action", "way"), PROBES, ids=str)
async def test_only_a_405_is_a_door(rig: Rig, step: str, action: Action, way: str) -> None:
    rig.remote.at(step, action)
    courier = rig.courier()
    for _ in range(3):
        await courier.send(letter())
    assert [arrived.way for arrived in rig.remote.letters] == [way] * 3
    assert rig.remote.https_connections == 1  # asked once


async def test_a_silent_web_server_is_not_waited_for(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("queue_worker.transport.mxdeliv.PROBE_SECONDS", 0.2)
    rig.remote.at("HTTPS", HANG)
    assert (await rig.send())[0].outcome is DELIVERED
    assert rig.remote.letters[0].way == "smtp"


async def test_a_door_with_a_bad_certificate_is_none(rig: Rig) -> None:
    rig.remote.replace_leaf(self_signed("mx.a.test"))
    await rig.send()
    assert [arrived.way for arrived in rig.remote.letters] == ["smtp"]
    assert rig.remote.requests == []


async def test_hosts_are_asked_again_after_an_hour(rig: Rig) -> None:
    await rig.send()
    await rig.send()
    assert rig.remote.requests == ["GET /mxdeliv", "POST /mxdeliv", "POST /mxdeliv"]
    rig.now += 3601
    await rig.send()
    assert rig.remote.requests[3:] == ["GET /mxdeliv", "POST /mxdeliv"]


async def test_hosts_are_not_asked_while_smtp_works(rig: Rig) -> None:
    rig.remote.at("GET", (404, ""), times=1)
    for _ in range(4):
        await rig.send()
        rig.now += 1500
    assert rig.remote.requests == ["GET /mxdeliv"]
    rig.now += 3601
    await rig.send()
    assert rig.remote.letters[-1].way == "https"


async def test_a_dead_port_25_has_the_door_asked_for_again(rig: Rig) -> None:
    rig.no_https()
    right, rig.world.terms = rig.world.terms, rig.world.terms
    rig.change(port_smtp=9)
    assert (await rig.send())[0].outcome is LATER
    rig.world.terms = right
    await rig.send()
    assert rig.remote.letters[0].way == "https"


async def test_what_headers_cannot_say_goes_by_smtp(rig: Rig) -> None:
    courier = rig.courier()
    many = [f"{number:060}@a.test" for number in range(150)]
    await courier.send(letter())
    await courier.send(letter("bäb@a.test"))
    await courier.send(letter(*many))
    assert [arrived.way for arrived in rig.remote.letters] == ["https", "smtp", "smtp", "smtp"]  # of 150, 100 at a time


async def test_a_route_with_a_port_goes_there_and_nowhere_else(rig: Rig) -> None:
    courier = rig.courier("b.test", Route("127.0.0.2", rig.remote.port, "encrypted"))
    await courier.send(letter("bob@b.test"))
    assert rig.remote.letters[0].way == "smtp"
    assert rig.remote.https_connections == 0


@pytest.mark.parametrize("is_large", [False, True])
async def test_a_kept_door_that_closed_is_opened_again(rig: Rig, is_large: bool) -> None:
    courier = rig.courier()
    await courier.send(letter())
    rig.remote.stop()
    rig.remote.start()
    octets = MESSAGE + (b"x" * 70 + b"\r\n") * 50_000 * is_large
    [result] = await courier.send(letter(octets=octets))
    assert result.outcome is DELIVERED
    assert rig.remote.letters[-1].octets == octets
