"""One letter: signed before it is dialled, tried while it is ours, and its outcome on record whatever happens."""

import asyncio
from dataclasses import replace

import pytest
from queue_worker import office as offices
from queue_worker.memory import Room
from queue_worker.office import LOST_SECONDS, NO_KEY_SECONDS, STOP_SECONDS, Fate
from queue_worker.transport.values import Result

from shared.mail.dkim import private
from shared.mail.dkim.private import PrivateKey
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

NAMED = "example.org"
NO_SIGNING_KEY = (LATER, NO_KEY_SECONDS, 451, "4.3.0 no signing key yet")


def keys_of(*domains: str) -> dict[str, dict[str, PrivateKey]]:
    return {domain: {"ed25519": private.load(private.make_ed25519())} for domain in domains}


async def claimed(outbox: MemoryOutbox, recipient: str = "x@1.test", **changes: object) -> Claimed:
    outbox.put(recipient, **changes)
    (found,) = await outbox.claim(outbox.lease_of(), 1)
    return found


CASES = [
    pytest.param(OK, DONE, 0.0, None, Fate.TOOK_IT, id="delivered"),
    pytest.param(NO, DONE, 0.0, None, Fate.ANSWERED, id="refused"),
    pytest.param(LATER_PLEASE, LATER, DELAY, "4.2.0 busy", Fate.ANSWERED, id="later"),
    pytest.param(PERHAPS, LATER, 600.0, "4.4.2 no answer at the end", Fate.ANSWERED, id="ambiguous"),
    pytest.param(AWAY, LATER, DELAY, "4.4.1 no answer", Fate.WAS_AWAY, id="destination away"),
]


@pytest.mark.parametrize(("answer", "outcome", "delay", "text", "fate"), CASES)
def test_outcomes(answer: Result, outcome: int, delay: float, text: str | None, fate: Fate) -> None:
    async def test() -> None:
        outbox, rung = MemoryOutbox(), []
        one = await claimed(outbox)
        assert await office(outbox, rung).carry(ScriptedCourier(every=answer), one) is fate
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
        body = BODY + b"x" * size + b"\r\n"
        one = await claimed(outbox, data=body, domain=NAMED)
        desk = office(outbox, keys=keys_of(NAMED))
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


def test_mail_of_a_server_without_dns_goes_unsigned() -> None:
    async def test() -> None:
        outbox, courier = MemoryOutbox(), ScriptedCourier()
        await office(outbox).carry(courier, await claimed(outbox))
        assert (courier.sent[0][1].octets, outbox.signed) == (BODY, {1: b""})

    fakes.run(test())


@pytest.mark.parametrize("together", [False, True], ids=["alone", "beside others"])
def test_mail_of_a_domain_without_a_key_waits_and_never_goes_unsigned(together: bool) -> None:
    async def test() -> None:
        outbox, courier, keys = MemoryOutbox(), ScriptedCourier(), keys_of("other.test")
        desk = office(outbox, keys=keys)
        outbox.put("x@1.test", domain=NAMED)
        outbox.put(*["y@1.test"] * together, domain="other.test")
        for one in await desk.claim(outbox.lease_of(), 2):
            await desk.carry(courier, one)
        assert courier.recipients() == ["y@1.test"] * together
        row = dict(outbox.settled)["x@1.test"]
        assert (row.outcome, row.delay, row.code, row.text) == NO_SIGNING_KEY
        assert b"" not in outbox.signed.values()
        keys.update(keys_of(NAMED))
        await seconds(NO_KEY_SECONDS)
        await desk.carry(courier, await claimed(outbox, "x@1.test", domain=NAMED))
        assert courier.sent[-1][1].octets.startswith(b"DKIM-Signature:")

    fakes.run(test())


def test_one_that_cannot_be_signed_costs_no_other_its_turn() -> None:
    async def test() -> None:
        outbox, courier = MemoryOutbox(), ScriptedCourier()
        desk = office(outbox, keys=keys_of(NAMED))
        outbox.put("bad@1.test", domain=NAMED, data=b"no header at all\x00\r\nFrom")
        outbox.put("x@1.test", "y@1.test", domain=NAMED)
        for one in await desk.claim(outbox.lease_of(), 3):
            await desk.carry(courier, one)
        assert outbox.outcomes() == {"bad@1.test": [LOST], "x@1.test": [DONE], "y@1.test": [DONE]}

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
        assert await office(outbox, may_dial=lambda: reason != "lease").carry(courier, one) is Fate.UNASKED
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
        assert await office(outbox).carry(courier, await claimed(outbox)) is Fate.UNASKED
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


async def large(outbox: MemoryOutbox, number: int, size: int, sender: int | None) -> Claimed:
    one = await claimed(
        outbox, f"{number}@1.test", data=None, large_header=HEADER, size=size, sender_mailbox=sender
    )  # fmt: skip
    outbox.bodies[one.message_id] = BODY
    return one


def test_large_letters_share_the_room_and_small_ones_need_none() -> None:
    async def test() -> None:
        outbox, courier = MemoryOutbox(), ScriptedCourier(usually_takes=10.0)
        desk = office(outbox, _room=Room(250))
        letters = [await large(outbox, number, 100, number) for number in range(4)]
        small = await claimed(outbox, "small@1.test")
        await asyncio.gather(*(desk.carry(courier, one, fakes.FOREVER) for one in (*letters, small)))
        starts = {letter.recipients[0]: at for at, letter in courier.sent}
        assert (courier.most, len(fakes.done(outbox))) == (3, 5)
        assert starts["small@1.test"] < 1000.5
        assert sorted(starts.values())[3] > 1010

    fakes.run(test())


@pytest.mark.parametrize("sender", [7, None], ids=["a user", "reports"])
def test_large_letters_of_one_sender_stop_no_other_and_come_back_untried(sender: int | None) -> None:
    async def test() -> None:
        outbox, courier = MemoryOutbox(), ScriptedCourier(usually_takes=2000.0)
        desk = office(outbox, _room=Room(400))
        letters = [await large(outbox, number, 90, sender) for number in range(4)]
        carrying = [asyncio.create_task(desk.carry(courier, one)) for one in letters]
        await seconds(1)
        carrying.append(asyncio.create_task(desk.carry(courier, await large(outbox, 9, 90, 8))))
        await seconds(1)
        assert courier.recipients() == ["0@1.test", "9@1.test"]
        await seconds(10)
        assert [task.result() for task in carrying if task.done()] == [Fate.UNASKED] * 3
        assert {row.outcome for _, row in outbox.settled} == {UNTRIED}
        assert all(row.delay > 1 for _, row in outbox.settled)
        await asyncio.gather(*carrying)

    fakes.run(test())


# Stopped ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wait", "expected"),
    [(0.0005, (UNTRIED, 0.0)), (1, (LATER, 600.0))],
    ids=["before it is sent", "while it is sent"],
)
def test_a_letter_that_is_stopped_says_how_far_it_came(wait: float, expected: tuple[int, float]) -> None:
    async def test() -> None:
        outbox, courier = MemoryOutbox(), ScriptedCourier(usually_takes=100.0)
        carrying = asyncio.create_task(office(outbox).carry(courier, await claimed(outbox)))
        await seconds(wait)
        carrying.cancel()
        with pytest.raises(asyncio.CancelledError):
            await carrying
        ((_, row),) = outbox.settled
        assert (row.outcome, row.delay) == expected

    fakes.run(test())


def test_a_letter_that_is_stopped_while_it_is_recorded_is_recorded() -> None:
    async def test() -> None:
        outbox = MemoryOutbox()
        carrying = asyncio.create_task(office(outbox).carry(ScriptedCourier(), await claimed(outbox, signature=b"")))
        await seconds(0.1005)
        assert (outbox.calls["settle"], outbox.settled) == (1, [])
        carrying.cancel()
        with pytest.raises(asyncio.CancelledError):
            await carrying
        assert fakes.done(outbox) == ["x@1.test"]

    fakes.run(test())


def test_stopping_does_not_wait_for_postgres() -> None:
    async def test() -> None:
        outbox, courier = MemoryOutbox(), ScriptedCourier(usually_takes=100.0)
        carrying = asyncio.create_task(office(outbox).carry(courier, await claimed(outbox, signature=b"")))
        await seconds(1)
        outbox.is_away, stopped_at = True, now()
        carrying.cancel()
        with pytest.raises(asyncio.CancelledError):
            await carrying
        assert now() - stopped_at < STOP_SECONDS + 0.1

    fakes.run(test())


async def _away(*_: object) -> bytes:
    raise Unavailable


async def _nothing(*_: object) -> list[Result]:
    return [OK]
