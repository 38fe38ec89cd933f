"""Everything a remote can answer or break on port 25, and what becomes of the recipient in that attempt."""

import asyncio

import pytest
from queue_worker.transport.values import Letter, Outcome, Result

from tests.remote import DRIP, DROP, HANG, OFFERS, RESET, Action
from tests.unit.queue_worker.transport.rig import MESSAGE, Rig, letter

DELIVERED, LATER, REFUSED, AMBIGUOUS = Outcome.DELIVERED, Outcome.TRY_LATER, Outcome.REFUSED, Outcome.AMBIGUOUS
HUGE = b"250-" + b"x" * 1_000_000

# step, action, outcome, code, enhanced, is_of_destination
MATRIX: list[tuple[str, Action, Outcome, int, str, bool]] = [
    ("CONNECT", "421 4.3.2 busy", LATER, 421, "4.3.2", True),
    ("CONNECT", "450 4.3.2 busy", LATER, 451, "4.5.0", True),
    ("CONNECT", "554 5.7.1 go away", LATER, 451, "4.5.0", True),
    ("CONNECT", DROP, LATER, 451, "4.4.2", True),
    ("CONNECT", HANG, LATER, 451, "4.4.2", True),
    ("CONNECT", DRIP, LATER, 451, "4.4.2", True),
    ("CONNECT", b"SSH-2.0-OpenSSH_9.9\r\n", LATER, 451, "4.5.0", True),
    ("CONNECT", b"220-" + b"x" * 3000, LATER, 451, "4.5.0", True),
    ("CONNECT", b"220-hello\r\n" * 10_000, LATER, 451, "4.5.0", True),
    ("CONNECT", b"220-hello\r\n221 bye\r\n", LATER, 451, "4.5.0", True),
    ("EHLO", "421 4.3.2 busy", LATER, 421, "4.3.2", True),
    ("EHLO", "451 4.3.0 later", LATER, 451, "4.5.0", True),
    ("EHLO", "502 5.5.1 no", LATER, 451, "4.5.0", True),
    ("EHLO", DROP, LATER, 451, "4.4.2", True),
    ("EHLO", HUGE, LATER, 451, "4.5.0", True),
    ("STARTTLS", "454 4.7.0 not now", LATER, 451, "4.5.0", True),
    ("STARTTLS", "554 5.7.0 never", LATER, 451, "4.5.0", True),
    ("STARTTLS", DROP, LATER, 451, "4.4.2", True),
    ("STARTTLS", b"220 go\r\n250 injected\r\n", LATER, 451, "4.7.0", True),  # T6
    ("TLS", DROP, LATER, 451, "4.7.5", True),
    ("TLS", RESET, LATER, 451, "4.7.5", True),
    ("TLS", HANG, LATER, 451, "4.7.5", True),
    ("MAIL", "421 4.3.2 busy", LATER, 421, "4.3.2", True),
    ("MAIL", "451 4.7.1 greylisted", LATER, 451, "4.7.1", False),
    ("MAIL", "550 5.7.1 not you", REFUSED, 550, "5.7.1", False),
    ("MAIL", DROP, LATER, 451, "4.4.2", True),
    ("MAIL", RESET, LATER, 451, "4.4.2", True),
    ("MAIL", HANG, LATER, 451, "4.4.2", True),
    ("RCPT", "421 4.3.2 busy", LATER, 421, "4.3.2", True),
    ("RCPT", "450 4.2.0 later", LATER, 450, "4.2.0", False),
    ("RCPT", "550 5.1.1 nobody", REFUSED, 550, "5.1.1", False),
    ("RCPT", "550 nobody", REFUSED, 550, "5.0.0", False),
    ("RCPT", "550-5.1.1 no\n550 5.1.1 body", REFUSED, 550, "5.1.1", False),
    ("RCPT", "354 go on", LATER, 451, "4.5.0", True),  # N7
    ("RCPT", "999 what", LATER, 451, "4.5.0", True),
    ("RCPT", "hello", LATER, 451, "4.5.0", True),
    ("RCPT", "250-ok\n550 5.1.1 not ok", LATER, 451, "4.5.0", True),
    ("RCPT", HUGE, LATER, 451, "4.5.0", True),
    ("RCPT", DROP, LATER, 451, "4.4.2", True),
    ("RCPT", HANG, LATER, 451, "4.4.2", True),
    ("RCPT", DRIP, LATER, 451, "4.4.2", True),
    ("DATA", "421 4.3.2 busy", LATER, 421, "4.3.2", True),
    ("DATA", "451 4.3.0 later", LATER, 451, "4.3.0", False),
    ("DATA", "554 5.7.1 no", REFUSED, 554, "5.7.1", False),
    ("DATA", "250 ok", LATER, 451, "4.5.0", True),  # N7
    ("DATA", DROP, LATER, 451, "4.4.2", True),
    ("DATA", HANG, LATER, 451, "4.4.2", True),
    ("DOT", "250 2.6.0 taken", DELIVERED, 250, "2.6.0", False),
    ("DOT", "421 4.3.2 busy", LATER, 421, "4.3.2", True),
    ("DOT", "452 4.3.1 full", LATER, 452, "4.3.1", False),
    ("DOT", "523 5.7.1 Encryption Needed", REFUSED, 523, "5.7.1", False),
    ("DOT", "354 more", AMBIGUOUS, 451, "4.4.2", False),
    ("DOT", "hello", AMBIGUOUS, 451, "4.4.2", False),
    ("DOT", DROP, AMBIGUOUS, 451, "4.4.2", False),
    ("DOT", RESET, AMBIGUOUS, 451, "4.4.2", False),
    ("DOT", HANG, AMBIGUOUS, 451, "4.4.2", False),
    ("DOT", DRIP, AMBIGUOUS, 451, "4.4.2", False),
    ("BODY", RESET, AMBIGUOUS, 451, "4.4.2", False),  # so short a letter has left in one go, its dot included
]


@pytest.fixture(autouse=True)
def _no_time_for_recipients(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("queue_worker.transport.smtp.SECONDS_PER_RECIPIENT", 0)


def _name(value: object) -> str:
    return value[:12].decode("latin-1").strip() if isinstance(value, bytes) else str(value)


@pytest.mark.parametrize(("step", "action", "outcome", "code", "enhanced", "is_of_destination"), MATRIX, ids=_name)
async def test_matrix(
    rig: Rig, step: str, action: Action, outcome: Outcome, code: int, enhanced: str, is_of_destination: bool
) -> None:
    rig.no_https()
    rig.change(reply_seconds=0.3 if action in (HANG, DRIP) else 5, final_seconds=0.3)
    rig.remote.at(step, action)
    [result] = await rig.send()
    assert (result.outcome, result.code, result.enhanced, result.is_of_destination) == (
        outcome,
        code,
        enhanced,
        is_of_destination,
    )
    assert result.host == "mx.a.test"
    assert result.text.isascii()
    assert result.text.isprintable()
    assert len(result.text) <= 400
    assert len(rig.remote.letters) == (step == "DOT")


async def test_a_reset_before_the_greeting(rig: Rig) -> None:
    rig.no_https()
    rig.remote.at("CONNECT", RESET)
    [result] = await rig.send()
    assert (result.outcome, result.is_of_destination) == (LATER, True)


async def test_words_in_the_clear_after_starttls_end_it(rig: Rig) -> None:
    """T6, in a packet of their own: seen before the handshake or as nonsense in it, they never count."""
    rig.no_https()
    rig.remote.at("TLS", b"250 injected\r\n" * 4)
    [result] = await rig.send()
    assert (result.outcome, result.enhanced[:4]) == (LATER, "4.7.")
    assert rig.remote.commands[:2] == ["EHLO mx.here.test", "STARTTLS"]
    rest = "".join(rig.remote.commands[2:])  # a ClientHello, where the words come behind it
    assert rest[:2] in ("", "\x16\x03"), "no SMTP command after it, in the clear"


@pytest.mark.parametrize("offers", [OFFERS, ()], ids=["pipelining", "one by one"])
@pytest.mark.parametrize(("step", "code"), [("RCPT sue@a.test", 421), ("DATA", 421), ("RCPT sue@a.test", 451)])
async def test_who_was_refused_before_the_server_hung_up_stays_refused(
    rig: Rig, offers: tuple[str, ...], step: str, code: int
) -> None:
    """Many servers hang up after twenty refusals: named again at each try, the dead would keep mail from the living."""
    rig.no_https()
    rig.remote.offers = offers
    rig.remote.at("RCPT eve@a.test", "550 5.1.1 nobody")
    rig.remote.at(step, "421 4.7.0 too many errors" if code == 421 else DROP)
    results = await rig.send("bob@a.test", "eve@a.test", "sue@a.test")
    assert [(result.outcome, result.code) for result in results] == [(LATER, code), (REFUSED, 550), (LATER, code)]


@pytest.mark.parametrize("offers", [OFFERS, ()], ids=["pipelining", "one by one"])
async def test_each_recipient_has_a_fate_of_its_own(rig: Rig, offers: tuple[str, ...]) -> None:
    rig.no_https()
    rig.remote.offers = offers
    rig.remote.at("RCPT eve@a.test", "550 5.1.1 nobody")
    rig.remote.at("RCPT joe@a.test", "452 4.2.2 full")
    results = await rig.send("bob@a.test", "eve@a.test", "joe@a.test", "sue@a.test")
    assert [(result.outcome, result.code) for result in results] == [
        (DELIVERED, 250),
        (REFUSED, 550),
        (LATER, 452),
        (DELIVERED, 250),
    ]
    [arrived] = rig.remote.letters
    assert arrived.recipients == ("bob@a.test", "sue@a.test")
    assert arrived.octets == MESSAGE
    assert arrived.is_encrypted


@pytest.mark.parametrize("offers", [OFFERS, ()], ids=["pipelining", "one by one"])
async def test_letters_share_a_connection_after_refusals_too(rig: Rig, offers: tuple[str, ...]) -> None:
    rig.no_https()
    rig.remote.offers = offers
    rig.remote.at("RCPT eve@a.test", "550 5.1.1 nobody")
    rig.remote.at("MAIL bad@here.test", "550 5.7.1 not you")
    courier = rig.courier()
    letters = [letter("eve@a.test"), letter(), letter(sender="bad@here.test"), letter(sender="")]
    results = [(await courier.send(each))[0].outcome for each in letters]
    assert results == [REFUSED, DELIVERED, REFUSED, DELIVERED]
    assert rig.remote.connections == 1
    assert rig.remote.commands.count("RSET") == 3
    assert [arrived.sender for arrived in rig.remote.letters] == ["ann@here.test", ""]


async def test_verdicts_stand_when_the_remote_leaves_after_them(rig: Rig) -> None:
    rig.no_https()
    rig.remote.at("RCPT", "550 5.1.1 nobody")
    rig.remote.at("DATA", DROP)
    assert [result.code for result in await rig.send()] == [550]


async def test_a_message_for_nobody_is_empty(rig: Rig) -> None:
    rig.no_https()
    rig.remote.at("RCPT", "550 5.1.1 nobody")
    rig.remote.at("DATA", "354 go on")
    [result] = await rig.send()
    assert result.code == 550
    assert [arrived.wire for arrived in rig.remote.letters] == [b".\r\n"]


async def test_a_burst_is_one_write(rig: Rig) -> None:
    rig.no_https()
    courier = rig.courier()
    await courier.send(letter())
    rig.remote.at("RCPT", HANG)  # what was sent was sent without waiting for this
    rig.change(reply_seconds=0.3)
    before = len(rig.remote.commands)
    await courier.send(letter())
    burst = ["RSET", "MAIL FROM:<ann@here.test> SIZE=68", "RCPT TO:<bob@a.test>"]
    assert rig.remote.commands[before : before + 3] == burst


FITTING = [
    (("SIZE 50",), MESSAGE, "bob@a.test", REFUSED, "5.3.4"),
    (("SIZE 0",), MESSAGE, "bob@a.test", DELIVERED, "2.0.0"),
    (("SIZE what",), MESSAGE, "bob@a.test", DELIVERED, "2.0.0"),
    ((), MESSAGE + b"\xe4\r\n", "bob@a.test", REFUSED, "5.6.3"),
    (("8BITMIME",), MESSAGE + b"\xe4\r\n", "bob@a.test", DELIVERED, "2.0.0"),
    ((), MESSAGE, "bäb@a.test", REFUSED, "5.6.7"),
    (("SMTPUTF8",), MESSAGE, "bäb@a.test", DELIVERED, "2.0.0"),
    (("8BITMIME",), b"Subject: \xc3\xa4\r\n\r\n", "bob@a.test", REFUSED, "5.6.7"),
]


@pytest.mark.parametrize(("offers", "octets", "recipient", "outcome", "enhanced"), FITTING)
async def test_what_a_server_does_not_take_is_not_sent(
    rig: Rig, offers: tuple[str, ...], octets: bytes, recipient: str, outcome: Outcome, enhanced: str
) -> None:
    rig.no_https()
    rig.remote.offers = offers
    [result] = await rig.send(recipient, octets=octets)
    assert (result.outcome, result.enhanced) == (outcome, enhanced)
    assert bool(rig.remote.letters) == (outcome is DELIVERED)


async def test_parameters_of_mail(rig: Rig) -> None:
    rig.no_https()
    await rig.send("bäb@a.test", octets=MESSAGE + b"\xe4\r\n")
    assert rig.remote.letters[0].parameters == "SIZE=71 BODY=8BITMIME SMTPUTF8"


async def test_a_large_message_arrives_as_it_was(rig: Rig) -> None:
    rig.no_https()
    octets = MESSAGE + b".x" * 400 + b"\r\n" + (b"." * 70 + b"\r\n") * 20_000
    [result] = await rig.send(octets=octets)
    assert result.outcome is DELIVERED
    assert rig.remote.letters[0].octets == octets


@pytest.mark.parametrize("action", [DROP, RESET], ids=str)
async def test_a_loss_in_the_middle_of_a_large_message_is_no_riddle(rig: Rig, action: Action) -> None:
    rig.no_https()
    rig.remote.at("BODY", action)
    [result] = await rig.send(octets=MESSAGE + (b"x" * 70 + b"\r\n") * 100_000)
    assert (result.outcome, result.enhanced, result.is_of_destination) == (LATER, "4.4.2", True)


async def test_a_tarpit_does_not_hold_a_lane(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """A remote that reads an octet a second is left when it has been slower than the slowest we bear."""
    monkeypatch.setattr("queue_worker.transport.channel.MIN_RATE", 100_000_000)
    rig.no_https()
    courier = rig.courier()
    await courier.send(letter())  # the connection is up
    rig.remote.at("BODY", DRIP)
    rig.change(reply_seconds=0.2)
    async with asyncio.timeout(20):
        [result] = await courier.send(letter(octets=MESSAGE + (b"x" * 70 + b"\r\n") * 100_000))
    assert (result.outcome, result.enhanced) == (LATER, "4.4.2")


FLAWED: dict[str, Letter] = {
    "bare LF": letter(octets=b"a: b\r\n\r\nx\n.\nMAIL\r\n"),
    "bare CR": letter(octets=b"a: b\r\n\r\nx\r.\rMAIL\r\n"),
    "CR CR LF": letter(octets=b"a: b\r\n\r\nx\r\r\n.\r\r\n"),
    "NUL": letter(octets=b"a: b\r\n\r\n\0\r\n"),
    "long line": letter(octets=b"a: b\r\n\r\n" + b"x" * 999 + b"\r\n"),
    "long last line": letter(octets=b"a: b\r\n\r\n" + b"x" * 999),
    "line end in an address": letter("bob@a.test>\r\nRCPT TO:<eve@a.test"),
    "bracket in the sender": letter(sender="ann@here.test> SIZE=1"),
}


@pytest.mark.parametrize("flawed", FLAWED.values(), ids=FLAWED.keys())
async def test_what_is_flawed_never_leaves(rig: Rig, flawed: Letter) -> None:
    [result] = await rig.courier().send(flawed)
    assert result.outcome is REFUSED
    assert not result.is_of_destination
    assert rig.remote.connections == rig.remote.https_connections == 0


def test_every_result_agrees_with_its_code() -> None:
    for _, _, outcome, code, enhanced, _ in MATRIX:
        wanted = {DELIVERED: 2, REFUSED: 5}.get(outcome, 4)
        assert code // 100 == wanted == int(enhanced[0])
        Result(outcome, code, enhanced, "")
