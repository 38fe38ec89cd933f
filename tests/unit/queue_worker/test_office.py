"""One letter: signed before it is dialled, tried while it is ours, and its outcome on record whatever happens."""

import asyncio
from dataclasses import replace

import pytest
from queue_worker import office as offices
from queue_worker.office import LOST_SECONDS, Room
from queue_worker.transport.values import Result

from shared.mail.dkim import private
from shared.mail.dkim.sign import Signer
from shared.mail.trouble import Unavailable
from shared.storage.outbox import DONE, LATER, LOST, UNTRIED, Claimed
from tests.unit.queue_worker import fakes
from tests.unit.queue_worker.fakes import (
    AWAY,
    BODY,
    DELAY,
    HEADER,
    LATER_PLEASE,
    NO,
    OK,
    PERHAPS,
    MemoryOutbox,
    ScriptedCourier,
    now,
    office,
    seconds,
)


async def claimed(outbox: MemoryOutbox, recipient: str = "x@1.test", **changes: object) -> Claimed:
    outbox.put(recipient, **changes)
    (found,) = await outbox.claim(outbox.lease_of(), 1)
    return found


CASES = [
    pytest.param(OK, DONE, 0.0, None, True, id="delivered"),
    pytest.param(NO, DONE, 0.0, None, True, id="refused"),
    pytest.param(LATER_PLEASE, LATER, DELAY, "4.2.0 busy", True, id="later"),
    pytest.param(PERHAPS, LATER, 600.0, "4.4.2 no answer at the end", True, id="ambiguous"),
    pytest.param(AWAY, LATER, DELAY, "4.4.1 no answer", False, id="destination away"),
]


@pytest.mark.parametrize(("answer", "outcome", "delay", "text", "is_reached"), CASES)
def test_outcomes(answer: Result, outcome: int, delay: float, text: str | None, is_reached: bool) -> None:
    async def test() -> None:
        outbox, rung = MemoryOutbox(), []
        one = await claimed(outbox)
        assert await office(outbox, rung).carry(ScriptedCourier(every=answer), one) is is_reached
        ((_, row),) = outbox.settled
        assert (row.outcome, row.delay, row.text) == (outcome, delay, text)
        assert (len(outbox.reports), len(rung)) == ((1, 1) if answer is NO else (0, 0))

    fakes.run(test())


def test_nobody_is_told_of_a_refused_report() -> None:
    async def test() -> None:
        outbox = MemoryOutbox()
        one = await claimed(outbox, sender="", sender_mailbox=None)
        await office(outbox).carry(ScriptedCourier(every=NO), one)
        assert (fakes.done(outbox), outbox.reports) == (["x@1.test"], [])

    fakes.run(test())


@pytest.mark.parametrize("is_large", [False, True], ids=["small", "large"])
def test_the_report_names_the_message(is_large: bool) -> None:
    async def test() -> None:
        outbox = MemoryOutbox()
        one = await claimed(outbox)
        if is_large:
            one = replace(one, data=None, large_header=HEADER)
            outbox.bodies[one.message_id] = BODY
        await office(outbox).carry(ScriptedCourier(every=NO), one)
        (report,) = outbox.reports
        assert b"<1@example.org>" in report.octets
        assert b"5.1.1 nobody" in report.octets
        assert report.octets[report.header_size - 4 : report.header_size] == b"\r\n\r\n"
        assert b"ciphertext" not in report.octets

    fakes.run(test())


@pytest.mark.parametrize("size", [10, offices.LARGE + 1], ids=["on the loop", "on a thread"])
def test_a_signature_is_on_record_before_the_first_dial(size: int) -> None:
    async def test() -> None:
        outbox, courier = MemoryOutbox(), ScriptedCourier()
        signer = Signer("example.org", {"ed25519": private.load(private.make_ed25519())})
        body = BODY + b"x" * size + b"\r\n"
        one = await claimed(outbox, data=body)
        desk = office(outbox, signers={"example.org": signer})
        await desk.carry(courier, one)
        ((_, letter),) = courier.sent
        assert letter.octets == outbox.signed[one.message_id] + body
        assert letter.octets.startswith(b"DKIM-Signature:")
        again = replace(await claimed(outbox), signature=b"DKIM-Signature: kept\r\n")
        await desk.carry(courier, again)
        assert courier.sent[1][1].octets == b"DKIM-Signature: kept\r\n" + BODY
        assert outbox.calls["sign"] == 1

    if size > offices.LARGE:
        asyncio.run(test())  # a thread does not know that time jumps
    else:
        fakes.run(test())


def test_a_signature_another_made_first_is_the_one_that_is_sent() -> None:
    async def test() -> None:
        outbox, courier = MemoryOutbox(), ScriptedCourier()
        one = await claimed(outbox)
        outbox.signed[one.message_id] = b"DKIM-Signature: first\r\n"
        await office(outbox).carry(courier, one)
        assert courier.sent[0][1].octets == b"DKIM-Signature: first\r\n" + BODY

    fakes.run(test())


def test_without_keys_mail_goes_unsigned() -> None:
    async def test() -> None:
        outbox, courier = MemoryOutbox(), ScriptedCourier()
        await office(outbox).carry(courier, await claimed(outbox))
        assert (courier.sent[0][1].octets, outbox.signed) == (BODY, {1: b""})

    fakes.run(test())


@pytest.mark.parametrize("reason", ["lease", "token", "body", "sign"])
def test_what_is_not_ours_or_cannot_be_signed_is_not_dialled(reason: str) -> None:
    async def test() -> None:
        outbox, courier = MemoryOutbox(), ScriptedCourier()
        one = await claimed(outbox)
        match reason:
            case "token":
                outbox.token += 1  # we joined anew meanwhile
            case "body":
                one = replace(one, data=None, large_header=HEADER)
            case "sign":
                outbox.sign = _away  # type: ignore[assignment,method-assign]
        assert await office(outbox, may_dial=lambda: reason != "lease").carry(courier, one)
        assert (courier.sent, outbox.outcomes()) == ([], {"x@1.test": [UNTRIED]})

    fakes.run(test())


MISTAKES = [
    pytest.param([RuntimeError("x@1.test")], id="the courier fails"),
    pytest.param([None], id="it returns nonsense"),
]


@pytest.mark.parametrize("answers", MISTAKES)
def test_a_mistake_of_ours_is_a_lost_letter_and_says_nothing_of_it(
    answers: list[object], caplog: pytest.LogCaptureFixture
) -> None:
    async def test() -> None:
        outbox = MemoryOutbox()
        courier = ScriptedCourier(script={"x@1.test": answers})  # type: ignore[dict-item]
        assert await office(outbox).carry(courier, await claimed(outbox))
        ((_, row),) = outbox.settled
        assert (row.outcome, row.delay) == (LOST, LOST_SECONDS)

    fakes.run(test())
    assert "x@1.test" not in caplog.text


def test_too_few_results_are_a_mistake_too() -> None:
    async def test() -> None:
        outbox = MemoryOutbox()
        one = await claimed(outbox)
        more = replace(one, recipients=["x@1.test", "y@1.test"])
        courier = ScriptedCourier()
        courier.send = _nothing  # type: ignore[assignment,method-assign]
        await office(outbox).carry(courier, more)
        assert outbox.outcomes() == {"x@1.test": [LOST]}

    fakes.run(test())


def test_a_result_is_kept_until_postgres_has_it() -> None:
    async def test() -> None:
        outbox, courier = MemoryOutbox(), ScriptedCourier()
        one = await claimed(outbox)
        carrying = asyncio.create_task(office(outbox).carry(courier, replace(one, signature=b"")))
        await seconds(0.05)
        outbox.is_away = True
        await seconds(600)
        assert not carrying.done()
        assert outbox.calls["settle"] <= 600 / offices.POSTGRES_AWAY_SECONDS
        outbox.is_away = False
        await carrying
        assert (len(courier.sent), fakes.done(outbox)) == (1, ["x@1.test"])

    fakes.run(test())


def test_large_letters_share_the_room_and_small_ones_need_none() -> None:
    async def test() -> None:
        outbox, courier = MemoryOutbox(), ScriptedCourier(usually_takes=10.0)
        desk = office(outbox, _room=Room(250))
        large = [
            await claimed(outbox, f"{number}@1.test", data=None, large_header=HEADER, size=100) for number in range(4)
        ]
        outbox.bodies.update({one.message_id: BODY for one in large})
        small = await claimed(outbox, "small@1.test")
        await asyncio.gather(*(desk.carry(courier, one) for one in (*large, small)))
        starts = {letter.recipients[0]: at for at, letter in courier.sent}
        assert (courier.most, len(fakes.done(outbox))) == (3, 5)
        assert starts["small@1.test"] < 1000.5
        assert sorted(starts.values())[3] > 1010

    fakes.run(test())


def test_room_is_given_in_order_and_never_more_than_there_is() -> None:
    async def test() -> None:
        room, order = Room(100), []

        async def stay(name: str, octets: int) -> None:
            async with room.take(octets):
                order.append((name, now()))
                await seconds(1)

        await asyncio.gather(stay("a", 60), stay("whole", 10**9), stay("b", 10), stay("c", 10))
        assert [name for name, _ in order] == ["a", "whole", "b", "c"]
        assert [round(at - 1000) for _, at in order] == [0, 1, 2, 2]

    fakes.run(test())


async def _away(*_: object) -> bytes:
    raise Unavailable


async def _nothing(*_: object) -> list[Result]:
    return [OK]
