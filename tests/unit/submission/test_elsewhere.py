"""Mail to other servers: who is refused before it, what goes to the outbox with what stays here, and the answers."""

import asyncio
from collections.abc import Sequence

import pytest
from submission.desk import Desk
from submission.handler import User

from shared.address import Address, parse
from shared.delivery import Incoming, Outgoing
from shared.intake import Intake
from shared.listen.ticket import Ticket
from shared.mail import reply
from shared.mail.reply import Reply
from shared.smtp.handler import Envelope
from shared.smtp.spool import Budget, Received
from tests.smtp_fakes import DOMAINS, PASSWORD, World, encrypted

ANN = parse("ann@here.test")


async def user(world: World) -> User:
    found = User(Desk(world, world, world, world, world, Intake(world), world, world, DOMAINS), Ticket("source"))
    assert await found.authenticate("ann@here.test", PASSWORD) == reply.AUTH_OK
    return found


async def send(world: World, *recipients: str) -> tuple[Sequence[Reply], Reply | None]:
    """Return the answers to the recipients and, if there is one to go on with, to the message."""
    found, envelope = await user(world), Envelope(ANN)
    assert found.sender(envelope) == reply.SENDER_OK
    addresses = [parse(recipient, may_be_utf8=True) for recipient in recipients]
    answers = await found.recipients(envelope, addresses)
    envelope.rcpt_tos = [to for to, answer in zip(addresses, answers, strict=True) if answer == reply.RECIPIENT_OK]
    if not envelope.rcpt_tos:
        return answers, None
    message = Received(Budget())
    message.write(encrypted())
    try:
        return answers, await found.message(envelope, message)
    finally:
        message.close()


def outgoing(incoming: Incoming) -> Outgoing:
    assert incoming.outgoing
    return incoming.outgoing


CASES = [
    pytest.param(["x@there.test"], (), ["x@there.test"], id="one elsewhere"),
    pytest.param(
        ["x@there.test", "y@there.test", "x@else.test"],
        (),
        ["x@there.test", "y@there.test", "x@else.test"],
        id="several",
    ),
    pytest.param(["x@there.test", "bob@here.test"], (2,), ["x@there.test"], id="here and there"),
    pytest.param(["ann@here.test", "x@[192.0.2.7]"], (1,), ["x@[192.0.2.7]"], id="oneself and an address literal"),
    pytest.param(["x+tag@there.test"], (), ["x+tag@there.test"], id="another server's tag stays"),
    pytest.param(["bob@here.test", "bob+tag@here.test", "bob+other@here.test"], (2,), [], id="tags of one mailbox"),
    pytest.param(["postmaster@here.test", "ann@here.test"], (1,), [], id="an alias and its account"),
    pytest.param(["dan@[192.0.2.25]"], (5,), [], id="our own literal"),
]


@pytest.mark.parametrize(("recipients", "here", "there"), CASES)
async def test_where_it_goes(recipients: list[str], here: tuple[int, ...], there: list[str]) -> None:
    world = World()
    answers, answer = await send(world, *recipients)
    assert (set(answers), answer) == ({reply.RECIPIENT_OK}, reply.ACCEPTED)
    (incoming,) = world.stored
    assert incoming.mailbox_ids == here
    assert incoming.origin == 1  # Ann's, for reports and so that her devices are not told of her own mail
    assert [str(to) for to in (incoming.outgoing.recipients if incoming.outgoing else ())] == there
    assert bool(incoming.outgoing) == bool(there)


async def test_it_leaves_in_the_users_name_signed_by_the_users_domain() -> None:
    world = World()
    await send(world, "x@there.test")
    assert outgoing(world.stored[0]) == Outgoing("ann@here.test", (parse("x@there.test"),), "here.test")


async def test_a_closed_domain_is_refused_and_the_others_go() -> None:
    world = World(refused=frozenset({"closed.test"}))
    answers, answer = await send(world, "x@closed.test", "bob@here.test", "x@there.test", "nobody@here.test")
    assert answers == [reply.CLOSED_DOMAIN, reply.RECIPIENT_OK, reply.RECIPIENT_OK, reply.NO_SUCH_USER]
    assert answer == reply.ACCEPTED
    assert (world.stored[0].mailbox_ids, outgoing(world.stored[0]).recipients) == ((2,), (parse("x@there.test"),))


async def test_our_own_domains_never_leave() -> None:
    for domain in DOMAINS:
        answers, answer = await send(World(), f"nobody@{domain}")
        assert (answers, answer) == ([reply.NO_SUCH_USER], None)


async def test_a_name_that_only_looks_like_ours_does_not_leave() -> None:
    answers, _ = await send(World(), "bob@ｈere.test")
    assert answers == [reply.DOMAIN_NOT_ASCII]


async def test_who_has_too_much_waiting_is_told_to_wait() -> None:
    world = World(trouble="overdrawn")
    assert (await send(world, "x@there.test", "bob@here.test"))[1] == reply.TOO_MUCH_WAITING
    assert reply.TOO_MUCH_WAITING.code // 100 == 4


@pytest.mark.parametrize("recipients", [["x@there.test"], ["bob@here.test", "x@there.test"]])
async def test_where_the_operators_word_cannot_be_read_nothing_is_promised(recipients: list[str]) -> None:
    answers, answer = await send(World(trouble="rules"), *recipients)
    assert (set(answers), answer) == ({reply.TROUBLE}, None)


async def test_recipients_of_the_last_message_are_forgotten() -> None:
    world = World()
    found = await user(world)
    for recipient in ("x@there.test", "y@there.test"):
        envelope = Envelope(ANN)
        found.sender(envelope)
        await found.recipients(envelope, [parse(recipient)])
    envelope.rcpt_tos = [parse("x@there.test"), parse("y@there.test")]
    message = Received(Budget())
    message.write(encrypted())
    await found.message(envelope, message)
    message.close()
    assert outgoing(world.stored[0]).recipients == (Address("y", "there.test"),)


class Slow:
    """A pace that lets nothing go, and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[int] = []

    def may_send(self, account_id: int, times: int = 1) -> asyncio.Future[bool]:
        self.asked.append(times)
        answer: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        answer.set_result(False)
        return answer


async def test_too_many_recipients_elsewhere_wait_and_the_others_do_not() -> None:
    world, slow = World(), Slow()
    found = User(Desk(world, world, world, world, slow, Intake(world), world, world, DOMAINS), Ticket("source"))
    assert await found.authenticate("ann@here.test", PASSWORD) == reply.AUTH_OK
    envelope = Envelope(ANN)
    found.sender(envelope)
    addresses = [parse("x@there.test"), parse("bob@here.test"), parse("y@else.test")]
    answers = await found.recipients(envelope, addresses)
    assert answers == [reply.TOO_FAST, reply.RECIPIENT_OK, reply.TOO_FAST]
    assert slow.asked == [2]
    await found.recipients(envelope, [parse("cat@here.test")])
    assert slow.asked == [2]  # who writes to nobody elsewhere is not asked about
