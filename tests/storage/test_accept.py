"""Accepting mail for here and elsewhere: all of it in one transaction, nothing twice, one body however many hold it."""

import asyncio
from dataclasses import dataclass

import pytest

from shared.storage.accounts import Account
from shared.storage.database import Database
from shared.storage.deliveries import LARGE, Deliveries, Full, Outcome, Overdrawn, Stored
from tests.storage.conftest import QUOTA, MakeAccount, one
from tests.storage.outbox_rig import BODY, Owner, assert_balanced, clear, letter, waiting

SMALL_COUNTS_AS = 32 * 1024


@dataclass
class People:
    ann: Account
    bob: Account
    cat: Account

    def boxes(self, names: str) -> tuple[int, ...]:
        return tuple(getattr(self, name).mailbox_id for name in names.split())


@pytest.fixture
async def people(make_account: MakeAccount, owner: Owner) -> People:
    clear(owner)
    return People(await make_account(), await make_account(), await make_account())


def stored(outcome: Outcome) -> Stored:
    assert isinstance(outcome, Stored)
    return outcome


def holders(owner: Owner) -> int:
    """Holders of the one body there is; one without a count has one."""
    return int(
        one(
            owner,
            "SELECT coalesce(h.holders, 1) FROM chatmail.body b LEFT JOIN chatmail.body_holders h ON b.id = body_id",
        )
    )


COMBINATIONS = [
    pytest.param("bob", (), 1, id="one here"),
    pytest.param("bob cat", (), 2, id="several here"),
    pytest.param("bob bob", (), 1, id="one here twice"),
    pytest.param("bob bob cat", (), 2, id="two here, one twice"),
    pytest.param("", ("x@a.test",), 1, id="one elsewhere"),
    pytest.param("", ("x@a.test", "y@a.test", "z@b.test"), 1, id="several elsewhere"),
    pytest.param("", ("x@a.test", "x@a.test"), 1, id="one elsewhere twice"),
    pytest.param("ann", ("x@a.test",), 2, id="oneself and elsewhere"),
    pytest.param("ann bob cat", ("x@a.test", "y@b.test"), 4, id="everybody"),
]


@pytest.mark.parametrize(("here", "elsewhere", "expected"), COMBINATIONS)
@pytest.mark.parametrize("size", [40, LARGE + 1], ids=["small", "large"])
async def test_one_body_has_the_right_holders(
    deliveries: Deliveries,
    people: People,
    owner: Owner,
    here: str,
    elsewhere: tuple[str, ...],
    expected: int,
    size: int,
) -> None:
    body = BODY + b"x" * size
    incoming = letter(people.ann, *elsewhere, here=people.boxes(here), body=body)
    outcome = stored(await deliveries.store(incoming))
    assert one(owner, "SELECT count(*) FROM chatmail.body") == 1
    assert holders(owner) == expected
    assert_balanced(owner)
    assert waiting(owner) == sorted(set(elsewhere))
    assert len(outcome.destinations) == len({address.partition("@")[2] for address in elsewhere})
    assert sorted(mailbox for mailbox, *_ in outcome.arrivals) == sorted(set(people.boxes(here)))


@pytest.mark.parametrize("first", ["ann", ""], ids=["with a copy here", "without"])
async def test_the_same_octets_again_queue_nothing_twice(
    deliveries: Deliveries, people: People, owner: Owner, first: str
) -> None:
    incoming = letter(people.ann, "x@a.test", here=people.boxes(first))
    await deliveries.store(incoming)
    again = stored(await deliveries.store(incoming))
    assert (again.destinations, again.arrivals) == ((), ())
    assert waiting(owner) == ["x@a.test"]
    assert_balanced(owner)


async def test_the_same_octets_to_one_more_reach_that_one(deliveries: Deliveries, people: People, owner: Owner) -> None:
    await deliveries.store(letter(people.ann, "x@a.test", here=people.boxes("ann")))
    again = stored(await deliveries.store(letter(people.ann, "x@a.test", "y@a.test", here=people.boxes("ann"))))
    assert len(again.destinations) == 1
    assert waiting(owner) == ["x@a.test", "y@a.test"]
    assert_balanced(owner)


async def test_what_another_sends_in_the_same_octets_is_his(
    deliveries: Deliveries, people: People, owner: Owner
) -> None:
    for sender in (people.ann, people.bob):
        await deliveries.store(letter(sender, "x@a.test"))
    assert waiting(owner) == ["x@a.test", "x@a.test"]


async def test_a_repeat_after_it_was_delivered_goes_nowhere(
    deliveries: Deliveries, people: People, owner: Owner
) -> None:
    incoming = letter(people.ann, "x@a.test")
    await deliveries.store(incoming)
    owner.execute(b"SELECT chatmail.drop_outbox(array_agg(id)) FROM chatmail.outbox_message")
    assert stored(await deliveries.store(incoming)).destinations == ()
    assert one(owner, "SELECT count(*) FROM chatmail.body") == 0


async def test_a_report_of_ours_is_not_looked_for_among_what_was_sent(
    deliveries: Deliveries, people: People, owner: Owner
) -> None:
    for _ in range(2):
        await deliveries.store(letter(None, "x@a.test"))
    assert waiting(owner) == ["x@a.test", "x@a.test"]
    assert one(owner, "SELECT count(*) FROM chatmail.outbox_message WHERE sender_mailbox IS NULL") == 2


def nothing_is_there(owner: Owner) -> bool:
    tables = ("outbox", "outbox_message", "destination", "body", "body_holders", "message", "receipt", "push_due")
    return not any(one(owner, f"SELECT count(*) FROM chatmail.{table}") for table in tables)


async def test_a_full_mailbox_here_keeps_all_from_leaving(deliveries: Deliveries, people: People, owner: Owner) -> None:
    owner.execute(b"UPDATE chatmail.mailbox SET bytes = %s WHERE id = %s", (QUOTA, people.cat.mailbox_id))
    uidnext = one(owner, "SELECT uidnext FROM chatmail.mailbox WHERE id = %s", people.bob.mailbox_id)
    outcome = await deliveries.store(letter(people.ann, "x@a.test", here=people.boxes("bob cat")))
    assert isinstance(outcome, Full)
    assert nothing_is_there(owner)
    assert one(owner, "SELECT uidnext FROM chatmail.mailbox WHERE id = %s", people.bob.mailbox_id) == uidnext


async def test_who_has_too_much_waiting_sends_nothing_not_even_here(
    deliveries: Deliveries, people: People, owner: Owner
) -> None:
    for number in range(QUOTA // SMALL_COUNTS_AS + 1):
        assert isinstance(await deliveries.store(letter(people.ann, "x@a.test", salt=number)), Stored)
    before = one(owner, "SELECT count(*) FROM chatmail.body")
    assert isinstance(await deliveries.store(letter(people.ann, "x@a.test", here=people.boxes("bob"))), Overdrawn)
    assert isinstance(await deliveries.store(letter(people.ann, "x@a.test", body=BODY + b"x" * LARGE)), Overdrawn)
    assert one(owner, "SELECT count(*) FROM chatmail.body") == before
    assert one(owner, "SELECT messages FROM chatmail.mailbox WHERE id = %s", people.bob.mailbox_id) == 0
    assert isinstance(await deliveries.store(letter(people.ann, here=people.boxes("bob"))), Stored)
    assert isinstance(await deliveries.store(letter(people.bob, "x@a.test")), Stored)


async def test_many_recipients_count_as_much(deliveries: Deliveries, people: People, owner: Owner) -> None:
    many = [f"x@d{number}.test" for number in range(QUOTA // 16384 + 1)]
    assert isinstance(await deliveries.store(letter(people.ann, *many)), Stored)
    assert isinstance(await deliveries.store(letter(people.ann, "y@a.test", salt=1)), Overdrawn)


async def test_neighbours_of_the_overdrawn_in_one_batch_go_through(
    deliveries: Deliveries, people: People, owner: Owner, submission: Database
) -> None:
    poor = Deliveries(submission.durable, "", 1)
    await poor.store(letter(people.ann, "x@a.test"))
    letters = [letter(sender, "y@a.test") for sender in (people.bob, people.ann, people.cat)]
    outcomes = await asyncio.gather(*map(poor.store, letters))
    assert [type(outcome) for outcome in outcomes] == [Stored, Overdrawn, Stored]
    assert waiting(owner) == ["x@a.test", "y@a.test", "y@a.test"]
    assert_balanced(owner)
    poor.close()


async def test_devices_are_told_of_what_others_sent_and_want_to_hear(
    deliveries: Deliveries, people: People, owner: Owner
) -> None:
    boxes = people.boxes("ann bob")
    owner.execute(b"UPDATE chatmail.mailbox SET wants_push = true WHERE id = ANY (%s)", (list(boxes),))
    to_oneself = stored(await deliveries.store(letter(people.ann, "x@a.test", here=people.boxes("ann cat"))))
    assert not to_oneself.wants_push
    to_all = stored(await deliveries.store(letter(people.ann, here=people.boxes("ann bob cat"), salt=1)))
    assert to_all.wants_push
    assert [row[0] for row in owner.execute(b"SELECT account_id FROM chatmail.push_due")] == [people.bob.account_id]


async def test_what_replicas_before_federation_call_still_delivers(people: People, owner: Owner) -> None:
    statement = (
        b"SELECT outcome FROM chatmail.deliver(%s, '{1,1}', ARRAY[%s]::bytea[], '{4}', ARRAY[%s]::bytea[], 1000)"
    )
    boxes = list(people.boxes("bob cat"))
    assert owner.execute(statement, (boxes, b"\r\n\r\n", b"digest")).fetchall() == [(0,), (0,)]
    assert owner.execute(statement, (boxes, b"\r\n\r\n", b"digest")).fetchall() == [(1,), (1,)]
    assert_balanced(owner)


async def test_a_destination_that_is_being_forgotten_is_made_anew(
    deliveries: Deliveries, people: People, owner: Owner
) -> None:
    """Mail is accepted while a worker forgets a destination that nobody wrote to for an hour: the mail is not lost."""
    owner.execute(b"INSERT INTO chatmail.destination (domain, used) VALUES ('a.test', now() - interval '2 hours')")
    with owner.transaction():
        owner.execute(b"SELECT chatmail.forget_destinations()")
        storing = asyncio.create_task(deliveries.store(letter(people.ann, "x@a.test")))
        await asyncio.sleep(0.1)
        assert not storing.done()
    assert isinstance(await storing, Stored)
    assert (
        one(owner, "SELECT count(*) FROM chatmail.outbox o JOIN chatmail.destination d ON d.id = o.destination_id") == 1
    )
