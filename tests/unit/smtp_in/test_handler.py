"""Strangers: who is refused what, and how often."""

from collections.abc import Sequence

from smtp_in.handler import Desk, Stranger
from smtp_in.rejects import MAX_SOURCES, Rejects

from shared.address import Address, parse
from shared.mail import reply
from shared.mail.reply import Reply
from shared.smtp.handler import Envelope
from tests.smtp_fakes import DOMAINS, World

NOBODY = [parse(f"nobody{number}@here.test") for number in range(30)]


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def desk(world: World, clock: Clock | None = None) -> Desk:
    return Desk(world, world, world, DOMAINS, Rejects(clock or Clock()))


async def ask(stranger: Stranger, addresses: Sequence[Address]) -> Sequence[Reply]:
    envelope = Envelope(parse("zoe@there.test"))
    assert stranger.sender(envelope) == reply.SENDER_OK
    return await stranger.recipients(envelope, addresses)


async def test_rejects_are_counted_by_source_over_connections() -> None:
    clock = Clock()
    shared_desk = desk(World(), clock)
    assert await ask(Stranger(shared_desk, "one"), NOBODY[:20]) == [reply.NO_SUCH_USER] * 20
    assert await ask(Stranger(shared_desk, "one"), NOBODY[:1]) == [reply.TOO_MANY_ERRORS]
    assert await ask(Stranger(shared_desk, "other"), NOBODY[:1]) == [reply.NO_SUCH_USER]
    clock.now += 3.0
    assert await ask(Stranger(shared_desk, "one"), NOBODY[:2]) == [reply.NO_SUCH_USER, reply.TOO_MANY_ERRORS]


async def test_known_unknown_and_foreign() -> None:
    answers = await ask(
        Stranger(desk(World()), "one"), [parse("ann@here.test"), parse("nobody@here.test"), parse("v@x.test")]
    )
    assert answers == [reply.NO_FEDERATION, reply.NO_SUCH_USER, reply.RELAYING_DENIED]


async def test_only_our_own_addresses_are_looked_up() -> None:
    world = World()
    await ask(Stranger(desk(world), "one"), [parse("v@x.test")])
    assert world.looked_up == []
    await ask(Stranger(desk(world), "one"), [parse("v@x.test"), parse("ann@here.test")])
    assert world.looked_up == [1]


def test_what_is_under_way_counts_against_the_source() -> None:
    envelope = Envelope(parse("zoe@there.test"))
    Stranger(desk(World()), "one").sender(envelope)
    assert envelope.payer == "one"


def test_the_table_is_bounded() -> None:
    rejects = Rejects(Clock())
    for number in range(MAX_SOURCES + 10):
        rejects.count(str(number))
    assert len(rejects._due) == MAX_SOURCES
