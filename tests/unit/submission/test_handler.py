"""Users' mail: what is stored of it, and what stands in its way."""

import asyncio
import hashlib
from collections.abc import Sequence

import pytest
from submission import handler as handlers
from submission.desk import ACCOUNT_CONNECTIONS, Desk
from submission.handler import User

from shared.address import Address, parse
from shared.intake import LARGE, Intake
from shared.listen.ticket import Ticket
from shared.login import LoggedIn
from shared.mail import reply
from shared.mail.reply import Reply
from shared.smtp.handler import Envelope
from shared.smtp.spool import Budget, Received
from tests.smtp_fakes import DOMAINS, PASSWORD, World, encrypted

ANN, BOB, CAT = parse("ann@here.test"), parse("bob@here.test"), parse("cat@here.test")


async def user(world: World) -> User:
    desk = Desk(world, world, world, world, world, Intake(world), world, world, DOMAINS)
    found = User(desk, Ticket("source"))
    assert await found.authenticate("ann@here.test", PASSWORD) == reply.AUTH_OK
    return found


def received(octets: bytes) -> Received:
    message = Received(Budget())
    message.write(octets)
    return message


async def send(
    world: World, octets: bytes, recipients: Sequence[Address] = (BOB,), sender: Address | None = ANN
) -> Reply:
    found = await user(world)
    envelope = Envelope(sender)
    assert found.sender(envelope) == reply.SENDER_OK
    assert set(await found.recipients(envelope, recipients)) == {reply.RECIPIENT_OK}
    envelope.rcpt_tos = list(recipients)
    message = received(octets)
    try:
        return await found.message(envelope, message)
    finally:
        message.close()


async def test_login_gives_the_place_back() -> None:
    world = World()
    ticket = Ticket("source")
    found = User(Desk(world, world, world, world, world, Intake(world), world, world, DOMAINS), ticket)
    assert await found.authenticate("ann@here.test", "wrong") == reply.BAD_CREDENTIALS
    assert not ticket.is_released
    assert await found.authenticate("ann@here.test", PASSWORD) == reply.AUTH_OK
    assert ticket.is_released


async def test_an_account_has_so_many_connections_and_gets_them_back() -> None:
    world = World()
    desk = Desk(world, world, world, world, world, Intake(world), world, world, DOMAINS)
    tickets = [Ticket("source") for _ in range(ACCOUNT_CONNECTIONS + 1)]
    answers = [await User(desk, ticket).authenticate("ann@here.test", PASSWORD) for ticket in tickets]
    assert answers == [reply.AUTH_OK] * ACCOUNT_CONNECTIONS + [reply.TOO_MANY_CONNECTIONS]
    assert not tickets[-1].is_released
    assert await User(desk, Ticket("source")).authenticate("bob@here.test", PASSWORD) == reply.AUTH_OK
    tickets[-1].close()
    assert await User(desk, Ticket("source")).authenticate("ann@here.test", PASSWORD) == reply.TOO_MANY_CONNECTIONS
    tickets[0].close()
    tickets[0].close()
    assert await User(desk, Ticket("source")).authenticate("ann@here.test", PASSWORD) == reply.AUTH_OK
    assert await User(desk, Ticket("source")).authenticate("ann@here.test", PASSWORD) == reply.TOO_MANY_CONNECTIONS


async def test_who_hangs_up_during_login_takes_no_place() -> None:
    world = World()
    desk = Desk(world, world, world, world, world, Intake(world), world, world, DOMAINS)
    for _ in range(ACCOUNT_CONNECTIONS):
        ticket = Ticket("source")
        ticket.close()
        await User(desk, ticket).authenticate("ann@here.test", PASSWORD)
    assert await User(desk, Ticket("source")).authenticate("ann@here.test", PASSWORD) == reply.AUTH_OK


async def test_what_is_under_way_counts_against_the_account() -> None:
    envelope = Envelope(ANN)
    (await user(World())).sender(envelope)
    other = Envelope(BOB)
    world = World()
    bob = User(Desk(world, world, world, world, world, Intake(world), world, world, DOMAINS), Ticket("source"))
    await bob.authenticate("bob@here.test", PASSWORD)
    bob.sender(other)
    assert "" != envelope.payer != other.payer != ""


async def test_what_is_stored() -> None:
    world = World()
    raw = encrypted(extra="Subject: plan for tonight\r\nUser-Agent: x\r\nMessage-ID: <1@localhost>\r\n")
    assert await send(world, raw, [CAT, BOB]) == reply.ACCEPTED
    (incoming,) = world.stored
    assert incoming.mailbox_ids == (3, 2)
    assert incoming.digest == hashlib.sha256(b"ann@here.test\0" + raw).digest()
    header, empty_line, body = incoming.body.partition(b"\r\n\r\n")
    assert incoming.header_size == len(header) + len(empty_line)
    assert body == raw.partition(b"\r\n\r\n")[2]
    assert b"tonight" not in header
    assert b"User-Agent" not in header
    assert b"Message-ID: <1@localhost>" in header


@pytest.mark.parametrize("size", [33, LARGE, 2 * 1024 * 1024])
async def test_sizes_below_and_above_the_loops_own(size: int) -> None:
    world = World()
    raw = encrypted(size=size)
    assert await send(world, raw) == reply.ACCEPTED
    assert world.stored[0].body[world.stored[0].header_size :] == raw.partition(b"\r\n\r\n")[2]


async def test_two_large_messages_at_once() -> None:
    world = World(gate=asyncio.Event())
    raw = encrypted(size=LARGE)
    found = await user(world)
    envelope = Envelope(ANN)
    found.sender(envelope)
    await found.recipients(envelope, [BOB])
    envelope.rcpt_tos = [BOB]
    sending = [asyncio.create_task(found.message(envelope, received(raw))) for _ in range(4)]
    while found._desk.intake.storing < 2:
        await asyncio.sleep(0.01)
    await asyncio.sleep(0.05)
    assert found._desk.intake.storing == 2
    assert world.gate
    world.gate.set()
    assert await asyncio.gather(*sending) == [reply.ACCEPTED] * 4


async def test_what_is_being_committed_is_not_abandoned() -> None:
    world = World(gate=asyncio.Event())
    sending = asyncio.create_task(send(world, encrypted()))
    await asyncio.sleep(0.05)
    sending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sending
    assert world.gate
    world.gate.set()
    while not world.stored:
        await asyncio.sleep(0.01)


CLEAR = b"From: <ann@here.test>\r\n\r\nhello\r\n"
# Framed soundly, and still no mail (S18: control characters in a header).
REFUSED = {
    "cleartext": (CLEAR, reply.NOT_ENCRYPTED),
    "foreign from": (encrypted("bob@here.test"), reply.FORGED_FROM),
    "two from": (encrypted(extra="From: <bob@here.test>\r\n"), reply.FORGED_FROM),
    "no from": (encrypted().partition(b"\r\n")[2], reply.FORGED_FROM),
    "control characters in a header": (b"From: <ann@here.test>\x01\r\n" + CLEAR, None),
    "no colon": (b"what is this\r\n\r\n" + CLEAR, None),
    "8-bit header": (b"From: <\xff\xfe@here.test>\r\n\r\nhello\r\n", None),
    "too many hops": (encrypted(extra="Received: from a by b; now\r\n" * 60), reply.LOOP),
}


@pytest.mark.parametrize(("octets", "expected"), REFUSED.values(), ids=list(REFUSED))
async def test_refused(octets: bytes, expected: Reply | None) -> None:
    world = World()
    answer = await send(world, octets)
    assert answer == expected or (expected is None and answer.code in (500, 523, 554))
    assert world.stored == []


async def test_mail_that_is_not_utf8_in_the_body_of_cleartext() -> None:
    assert await send(World(), CLEAR + b"\xff\xfe\r\n") == reply.NOT_ENCRYPTED


async def test_pace_is_asked_once_a_message() -> None:
    world = World(may_go=[True, False])
    found = await user(world)
    for expected in (reply.RECIPIENT_OK, reply.TOO_FAST):
        envelope = Envelope(ANN)
        found.sender(envelope)
        for recipient in (BOB, CAT):
            assert await found.recipients(envelope, [recipient]) == [expected]
    assert world.may_go == []


async def test_who_was_too_fast_costs_no_lookup_until_the_pace_allows_more() -> None:
    world = World(may_go=[False, False, True])
    found = await user(world)
    for expected in (reply.TOO_FAST, reply.TOO_FAST, reply.RECIPIENT_OK):
        envelope = Envelope(ANN)
        found.sender(envelope)
        assert await found.recipients(envelope, [BOB]) == [expected]
    assert world.looked_up == [2, 2], "once to find out, and once when it may again"


async def test_a_foreign_sender_costs_no_pace_and_no_lookup() -> None:
    world = World(may_go=[True])
    found = await user(world)
    envelope = Envelope(BOB)
    assert found.sender(envelope) == reply.SENDER_OK
    assert await found.recipients(envelope, [CAT]) == [reply.FOREIGN_SENDER]
    assert (world.may_go, world.looked_up) == ([True], [])


async def test_who_was_banned_meanwhile_sends_no_more() -> None:
    world = World()
    found = await user(world)
    envelope = Envelope(ANN)
    found.sender(envelope)
    world.trouble = "banned"
    assert await found.recipients(envelope, [CAT]) == [reply.ACCOUNT_CLOSED]


async def test_recipients_are_looked_up_together() -> None:
    world = World()
    found = await user(world)
    envelope = Envelope(ANN)
    found.sender(envelope)
    group = [parse(f"group-{number}@here.test") for number in range(200)]
    assert await found.recipients(envelope, group) == [reply.RECIPIENT_OK] * 200
    assert world.looked_up == [201]  # and oneself


def test_prepare_is_what_the_pool_runs() -> None:
    ready = handlers.prepare(LoggedIn(10, 1, ANN), ANN, received(encrypted()), (1,))
    assert not isinstance(ready, Reply)
    assert ready.mailbox_ids == (1,)
