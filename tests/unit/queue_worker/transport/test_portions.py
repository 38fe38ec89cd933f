"""Letters to many recipients: no transaction too large, and nobody is named twice who was judged."""

from dataclasses import dataclass, field

import pytest
from queue_worker.transport import portions
from queue_worker.transport.portions import LEFT_OUT, MAX_MORE
from queue_worker.transport.values import Letter, Outcome, Result, Stopped, refused, try_later

from tests.remote import DROP, OFFERS
from tests.unit.queue_worker.transport.rig import Rig, letter

DELIVERED, LATER, REFUSED, AMBIGUOUS = Outcome.DELIVERED, Outcome.TRY_LATER, Outcome.REFUSED, Outcome.AMBIGUOUS
TOO_MANY = try_later("4.5.3", "Too many recipients", code=452, is_of_destination=False)
BUSY = try_later("4.3.2", "busy", code=421)
ACCEPTED = Result(DELIVERED, 250, "2.0.0", "ok", "mx")


def names(count: int) -> list[str]:
    return [f"r{number}@a.test" for number in range(count)]


@dataclass
class Taker:
    """A server that takes `most` recipients in a transaction, and says `beyond` to the rest; it stops at `last`."""

    most: int
    beyond: Result = TOO_MANY
    last: int = 1000
    verdict: Result = ACCEPTED
    dead: frozenset[str] = frozenset()
    named: list[int] = field(default_factory=list)
    taken: list[str] = field(default_factory=list)

    async def transact(self, letter: Letter) -> list[Result]:
        if len(self.named) == self.last:
            raise Stopped(BUSY)
        self.named.append(len(letter.recipients))
        alive = [name for name in letter.recipients if name not in self.dead][: self.most]
        self.taken += alive
        gone = refused(550, "5.1.1", "nobody")
        return [
            self.verdict if name in alive else gone if name in self.dead else self.beyond for name in letter.recipients
        ]


@pytest.mark.parametrize(
    ("count", "most", "named"),
    [
        (0, 100, []),
        (1, 100, [1]),
        (100, 100, [100]),
        (101, 100, [100, 1]),
        (250, 1000, [100, 100, 50]),
        (100, 40, [100, 40, 20]),
        (250, 50, [100, 50, 50, 50, 50]),
        (3, 1, [3, 1, 1]),
    ],
)
async def test_everybody_is_named_until_taken(count: int, most: int, named: list[int]) -> None:
    taker = Taker(most)
    assert await portions.send(letter(*names(count)) if count else Letter("", (), b""), taker.transact) == (
        [ACCEPTED] * count
    )
    assert taker.named == named
    assert taker.taken == names(count)


@pytest.mark.parametrize(
    "beyond",
    [
        try_later("4.5.3", "Too many recipients", code=452, is_of_destination=False),
        try_later("4.0.0", "too many recipients", code=452, is_of_destination=False),
        refused(552, "5.5.3", "Too many recipients"),
    ],
    ids=lambda beyond: f"{beyond.code} {beyond.enhanced}",
)
async def test_how_servers_say_it(beyond: Result) -> None:
    assert await portions.send(letter(*names(7)), Taker(5, beyond).transact) == [ACCEPTED] * 7


@pytest.mark.parametrize("beyond", [try_later("4.2.2", "full", code=452), refused(552, "5.2.2", "full"), BUSY])
async def test_what_is_said_of_a_recipient_stands(beyond: Result) -> None:
    taker = Taker(5, beyond)
    assert await portions.send(letter(*names(7)), taker.transact) == [ACCEPTED] * 5 + [beyond] * 2
    assert taker.named == [7]


@pytest.mark.parametrize("verdict", [BUSY, refused(554, "5.7.1", "no"), Result(AMBIGUOUS, 451, "4.4.2", "")])
async def test_a_message_that_was_not_taken_is_not_sent_again_at_once(verdict: Result) -> None:
    taker = Taker(5, verdict=verdict)
    assert await portions.send(letter(*names(7)), taker.transact) == [verdict] * 5 + [TOO_MANY] * 2
    assert taker.named == [7]


async def test_nobody_taken_is_no_progress() -> None:
    taker = Taker(0)
    assert await portions.send(letter(*names(7)), taker.transact) == [TOO_MANY] * 7
    assert taker.named == [7]


async def test_there_is_an_end() -> None:
    taker = Taker(1)
    results = await portions.send(letter(*names(150)), taker.transact)
    turns = 2 + MAX_MORE
    assert len(taker.named) == turns
    assert results == [ACCEPTED] * turns + [TOO_MANY] * (100 - turns) + [LEFT_OUT] * 50


async def test_the_dead_are_named_once() -> None:
    taker = Taker(2, dead=frozenset({"r0@a.test", "r3@a.test"}))
    results = await portions.send(letter(*names(7)), taker.transact)
    assert [result.outcome for result in results] == [REFUSED, DELIVERED, DELIVERED, REFUSED] + [DELIVERED] * 3
    assert taker.named == [7, 3, 1]


async def test_who_stops_at_once_judged_nobody() -> None:
    with pytest.raises(Stopped):
        await portions.send(letter(*names(300)), Taker(100, last=0).transact)


async def test_who_stops_later_has_judged_some() -> None:
    taker = Taker(100, last=1)
    assert await portions.send(letter(*names(300)), taker.transact) == [ACCEPTED] * 100 + [BUSY] * 200


# On the wire ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("offers", [OFFERS, ()], ids=["pipelining", "one by one"])
async def test_a_hundred_and_more_go_over_one_connection(rig: Rig, offers: tuple[str, ...]) -> None:
    rig.no_https()
    rig.remote.offers = offers
    rig.remote.at("RCPT r7@a.test", "550 5.1.1 nobody")
    results = await rig.send(*names(230))
    assert [at for at, result in enumerate(results) if result.outcome is not DELIVERED] == [7]
    assert [len(arrived.recipients) for arrived in rig.remote.letters] == [99, 100, 30]
    assert rig.remote.connections == 1


@pytest.mark.parametrize("offers", [OFFERS, ()], ids=["pipelining", "one by one"])
async def test_those_who_were_too_many_get_a_transaction_at_once(rig: Rig, offers: tuple[str, ...]) -> None:
    rig.no_https()
    rig.remote.offers = offers
    for name in names(6)[3:]:
        rig.remote.at(f"RCPT {name}", "452 4.5.3 Too many recipients", times=1)
    assert [result.outcome for result in await rig.send(*names(6))] == [DELIVERED] * 6
    assert [arrived.recipients for arrived in rig.remote.letters] == [tuple(names(3)), tuple(names(6)[3:])]
    assert rig.remote.connections == 1


@pytest.mark.parametrize(("step", "first"), [("DOT", AMBIGUOUS), ("MAIL", LATER)])
async def test_a_connection_that_is_lost_ends_it(rig: Rig, step: str, first: Outcome) -> None:
    rig.no_https()
    rig.remote.at(step, DROP)
    results = await rig.send(*names(150))
    assert [result.outcome for result in results] == [first] * 100 + [LATER] * 50
    assert len(rig.remote.letters) <= 1


async def test_who_was_taken_is_not_brought_to_the_next_host(rig: Rig) -> None:
    rig.no_https()
    rig.remote.at("RCPT r100@a.test", "421 4.3.2 busy")
    results = await rig.send(*names(150))
    assert [(result.outcome, result.code) for result in results] == [(DELIVERED, 250)] * 100 + [(LATER, 421)] * 50
    assert len(rig.remote.letters) == 1
