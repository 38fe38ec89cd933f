"""Strangers: who is refused what, and how often."""

from collections.abc import Sequence
from ipaddress import ip_address

import pytest
from smtp_in.handler import Stranger

from shared.address import Address, parse
from shared.inbound.guesses import OF_SENDER, OF_SOURCE, Guesses
from shared.listen.ticket import Ticket
from shared.mail import reply
from shared.mail.reply import Reply
from shared.smtp.handler import Envelope
from shared.smtp.spool import Budget, Received
from tests.smtp_fakes import World, encrypted, reception

NOBODY = [parse(f"nobody{number}@here.test") for number in range(30)]
ANN, ZOE = parse("ann@here.test"), parse("zoe@there.test")
PEER = ip_address("192.0.2.7")


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


async def ask(stranger: Stranger, addresses: Sequence[Address], sender: Address | None = ZOE) -> Sequence[Reply]:
    envelope = Envelope(sender)
    assert stranger.sender(envelope) == reply.SENDER_OK
    return await stranger.recipients(envelope, addresses)


async def test_guesses_are_counted_by_sender_over_connections() -> None:
    clock = Clock()
    shared = reception(World(), guesses=Guesses(clock=clock))
    assert await ask(Stranger(shared, Ticket("one")), NOBODY[:20]) == [reply.NO_SUCH_USER] * 20
    assert await ask(Stranger(shared, Ticket("one")), NOBODY[:1]) == [reply.TOO_MANY_UNKNOWN]
    assert await ask(Stranger(shared, Ticket("other")), NOBODY[:1]) == [reply.NO_SUCH_USER]
    clock.now += 3.0
    answers = await ask(Stranger(shared, Ticket("one")), NOBODY[:2])
    assert answers == [reply.NO_SUCH_USER, reply.TOO_MANY_UNKNOWN]


@pytest.mark.parametrize("guesser", [ZOE, None], ids=["a user", "the null sender"])
async def test_one_sender_who_guesses_does_not_shut_out_the_others_of_its_server(guesser: Address | None) -> None:
    shared = reception(World(), guesses=Guesses(clock=Clock()))
    for _ in range(5):
        await ask(Stranger(shared, Ticket("one")), NOBODY, guesser)
    answers = await ask(Stranger(shared, Ticket("one")), [ANN, NOBODY[0]], parse("yan@there.test"))
    assert answers == [reply.RECIPIENT_OK, reply.NO_SUCH_USER]


async def test_beyond_the_limit_known_and_unknown_look_alike() -> None:
    world = World()
    stranger = Stranger(reception(world, guesses=Guesses(clock=Clock())), Ticket("one"))
    answers = await ask(stranger, [*NOBODY[:20], ANN, NOBODY[20]])
    assert answers[20:] == [reply.TOO_MANY_UNKNOWN] * 2
    looked_up = list(world.looked_up)
    assert await ask(stranger, [ANN, NOBODY[0], parse("v@x.test")]) == [reply.TOO_MANY_UNKNOWN] * 3
    assert world.looked_up == looked_up


async def test_a_server_that_invents_senders_has_an_end() -> None:
    clock = Clock()
    shared = reception(World(), guesses=Guesses(clock=clock))
    for number in range(OF_SOURCE.burst // OF_SENDER.burst):
        sender = parse(f"zoe{number}@there.test")
        assert await ask(Stranger(shared, Ticket("one")), NOBODY[:20], sender) == [reply.NO_SUCH_USER] * 20
    assert await ask(Stranger(shared, Ticket("one")), [ANN, NOBODY[0]]) == [reply.TOO_MANY_ERRORS] * 2
    assert await ask(Stranger(shared, Ticket("other")), [ANN]) == [reply.RECIPIENT_OK]
    clock.now += 0.1
    assert await ask(Stranger(shared, Ticket("one")), [ANN]) == [reply.RECIPIENT_OK]


async def test_a_full_mailbox_is_no_guess() -> None:
    stranger = Stranger(reception(World(), guesses=Guesses(clock=Clock())), Ticket("one"))
    for _ in range(30):
        assert await ask(stranger, [parse("full@here.test")]) == [reply.MAILBOX_FULL]
    assert await ask(stranger, [ANN]) == [reply.RECIPIENT_OK]


async def test_known_unknown_and_foreign() -> None:
    answers = await ask(
        Stranger(reception(World()), Ticket("one")), [ANN, parse("nobody@here.test"), parse("v@x.test")]
    )
    assert answers == [reply.RECIPIENT_OK, reply.NO_SUCH_USER, reply.RELAYING_DENIED]


async def test_only_our_own_addresses_are_looked_up() -> None:
    world = World()
    await ask(Stranger(reception(world), Ticket("one")), [parse("v@x.test")])
    assert world.looked_up == []
    await ask(Stranger(reception(world), Ticket("one")), [parse("v@x.test"), ANN])
    assert world.looked_up == [1]


def test_what_is_under_way_counts_against_the_source() -> None:
    envelope = Envelope(ZOE)
    Stranger(reception(World()), Ticket("one")).sender(envelope)
    assert envelope.payer == "one"


async def test_the_origin_is_asked_about_with_what_the_connection_knows() -> None:
    world = World()
    stranger = Stranger(reception(world), Ticket("one", peer=PEER))
    envelope = Envelope(ZOE, helo="mx.there.test")
    stranger.sender(envelope)
    await stranger.recipients(envelope, [ANN, parse("ann+tag@here.test"), parse("bob@here.test")])
    envelope.rcpt_tos = [parse("bob@here.test"), ANN, parse("ann+tag@here.test")]
    received = Received(Budget())
    received.write(encrypted("zoe@there.test"))
    assert await stranger.message(envelope, received) == reply.ACCEPTED
    assert world.origins == [(ZOE, PEER, "mx.there.test")]
    assert [incoming.mailbox_ids for incoming in world.stored] == [(2, 1)]
