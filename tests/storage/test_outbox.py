"""The outbox under its workers: who may try what, what becomes of it, and who is told."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence

import psycopg
import pytest

from shared.storage.accounts import Account
from shared.storage.database import Database, connect
from shared.storage.outbox import (
    DONE,
    INLINE,
    LATER,
    LOST,
    UNTRIED,
    Claimed,
    Leased,
    Outbox,
    Overdue,
    Report,
    Row,
    Settlement,
)
from tests.storage.conftest import QUOTA, one
from tests.storage.outbox_rig import (
    BODY,
    REPORT,
    REPORT_HEADER,
    Owner,
    assert_balanced,
    born,
    clear,
    destination,
    die,
    letter,
    put,
    reports,
    rows,
    waiting,
)

SECONDS = 60.0
ALL = 100


@pytest.fixture
async def database(database_urls: dict[str, str], owner: Owner) -> AsyncIterator[Database]:
    clear(owner)
    database = await connect(database_urls["queue_worker"], "queue-worker")
    yield database
    await database.close()


@pytest.fixture
async def outbox(database: Database) -> Outbox:
    return await worker(database)


@pytest.fixture
async def other(database: Database) -> Outbox:
    return await worker(database)


@pytest.fixture
def ann(owner: Owner, database: Database) -> Account:
    return born(owner)


@pytest.fixture
def second(database_urls: dict[str, str]) -> Iterator[Owner]:
    """A second connection of the owner's."""
    with psycopg.connect(database_urls["postgres"], autocommit=True) as connection:
        yield connection


async def worker(database: Database) -> Outbox:
    outbox = Outbox(database.durable, database.lazy, QUOTA)
    await outbox.join(SECONDS)
    return outbox


async def take(outbox: Outbox, most: int = 16) -> tuple[Leased, list[Claimed]]:
    """Lease the one destination with something due, and claim there."""
    (leased,) = await outbox.lease(None, ALL)
    return leased, await outbox.claim(leased, most)


def result(claimed: Claimed | Overdue, outcome: int, delay: float = 0.0, report: bytes | None = None) -> Settlement:
    told = Report(claimed.message_id, report, REPORT_HEADER) if report else None
    return Settlement(
        claimed.worker, tuple(Row(row_id, outcome, delay, 450, "4.2.0 later") for row_id in claimed.ids), told
    )


def age(owner: Owner, hours: float) -> None:
    owner.execute(
        b"UPDATE chatmail.outbox_message SET accepted = accepted - make_interval(secs => %s)", (hours * 3600,)
    )


def domains(leased: Sequence[Leased]) -> list[str]:
    return sorted(one.domain for one in leased)


# Leases and claims.


async def test_what_is_claimed_is_all_there_is_to_know(outbox: Outbox, owner: Owner, ann: Account) -> None:
    put(owner, letter(ann, "x@a.test", "y@a.test"))
    leased, (claimed,) = await take(outbox)
    assert (leased.worker, leased.domain, leased.failures, leased.may_pass) == (outbox.token, "a.test", 0, True)
    assert (claimed.sender, claimed.sender_mailbox, claimed.domain) == (
        f"user{ann.account_id}@example.org",
        ann.mailbox_id,
        "example.org",
    )
    assert (claimed.data, claimed.size, claimed.header) == (BODY, len(BODY), BODY[: claimed.header_size])
    assert (list(claimed.recipients), list(claimed.attempts)) == (["x@a.test", "y@a.test"], [1, 1])
    assert (claimed.signature, claimed.is_suspect) == (None, False)
    assert await outbox.claim(leased, 16) == []


async def test_a_large_body_is_read_when_its_turn_has_come(
    outbox: Outbox, other: Outbox, owner: Owner, ann: Account
) -> None:
    body = BODY + b"x" * INLINE
    put(owner, letter(ann, "x@a.test", body=body))
    _, (claimed,) = await take(outbox)
    assert (claimed.data, claimed.header) == (None, body[: claimed.header_size])
    assert await outbox.body(claimed) == body
    await outbox.settle(result(claimed, UNTRIED))
    assert await outbox.body(claimed) is None


async def test_a_lease_whose_answer_was_lost_is_given_again(
    outbox: Outbox, other: Outbox, owner: Owner, ann: Account
) -> None:
    """Postgres may go away between the commit and the answer: what a worker does not know to hold, nobody carries."""
    put(owner, letter(ann, "bob@a.test"))
    (lost,) = await outbox.lease(None, ALL, [])
    assert await outbox.lease(None, ALL, [lost.id]) == await other.lease(None, ALL, []) == []
    assert await outbox.lease(None, ALL, []) == [lost]


async def test_what_a_worker_still_believes_to_hold_is_not_leased_to_it_anew(
    outbox: Outbox, other: Outbox, owner: Owner, ann: Account
) -> None:
    """Postgres may go away once it was given back and before the answer: two at work on it would send letters twice."""
    put(owner, letter(ann, "bob@a.test"))
    leased, (claimed,) = await take(outbox)
    await outbox.settle(result(claimed, DONE))
    assert await outbox.release(leased)  # and nobody heard it
    put(owner, letter(ann, "bob@a.test", salt="more"))
    assert await outbox.lease(None, ALL, [leased.id]) == []
    assert await outbox.release(leased)  # asked once more
    assert [one.id for one in await outbox.lease(None, ALL, [])] == [leased.id]


async def test_the_operators_word_comes_with_the_lease(outbox: Outbox, owner: Owner, ann: Account) -> None:
    owner.execute(b"DELETE FROM chatmail.federation")
    owner.execute(b"INSERT INTO chatmail.federation (domain, may_pass) VALUES ('*', false), ('b.test', true)")
    owner.execute(b"SELECT chatmail.operator_set_route('c.test', 'mx.test', 26, 'encrypted')")
    put(owner, letter(ann, "x@a.test", "x@b.test", "x@c.test"))
    found = {one.domain: one for one in await outbox.lease(None, ALL)}
    owner.execute(b"DELETE FROM chatmail.federation")
    assert [found[domain].may_pass for domain in ("a.test", "b.test", "c.test")] == [False, True, True]
    assert (found["c.test"].route_host, found["c.test"].route_port, found["c.test"].route_tls) == (
        "mx.test",
        26,
        "encrypted",
    )


async def test_two_workers_never_hold_one_destination(
    outbox: Outbox, other: Outbox, owner: Owner, ann: Account
) -> None:
    put(owner, letter(ann, *(f"x@{number}.test" for number in range(20))))
    first, second = await asyncio.gather(outbox.lease(None, 12), other.lease(None, 12))
    assert (len(first), len(second)) == (12, 8)
    assert not set(domains(first)) & set(domains(second))
    assert await other.claim(first[0], 16) != []  # under the token of the worker that holds it
    assert await outbox.lease(None, ALL) == await other.lease(None, ALL) == []
    assert await other.lease([first[0].id], ALL) == []


async def test_who_leased_longest_ago_comes_first(outbox: Outbox, owner: Owner, ann: Account) -> None:
    for domain in ("a.test", "b.test", "c.test"):
        put(owner, letter(ann, f"x@{domain}"))
    owner.execute(b"UPDATE chatmail.destination SET used = now() - interval '1 hour' WHERE domain = 'b.test'")
    assert domains(await outbox.lease(None, 1)) == ["b.test"]


async def test_what_is_due_first_is_claimed_first(outbox: Outbox, owner: Owner, ann: Account) -> None:
    for number in range(5):
        put(owner, letter(ann, f"{number}@a.test", salt=number))
    owner.execute(b"UPDATE chatmail.outbox SET next_at = now() - (id %% 3) * interval '1 minute'", ())
    expected = [row[0] for row in owner.execute(b"SELECT recipient FROM chatmail.outbox ORDER BY next_at, id LIMIT 3")]
    _, claimed = await take(outbox, 3)
    assert sorted(recipient for one in claimed for recipient in one.recipients) == sorted(expected)


@pytest.mark.parametrize("change", ["next_at = now() + interval '1 hour'", "is_poison = true"])
async def test_what_is_not_due_is_not_claimed(outbox: Outbox, owner: Owner, ann: Account, change: str) -> None:
    put(owner, letter(ann, "x@a.test"))
    put(owner, letter(ann, "y@a.test"))
    owner.execute(f"UPDATE chatmail.outbox SET {change} WHERE recipient = 'x@a.test'".encode())
    _, claimed = await take(outbox)
    assert [list(one.recipients) for one in claimed] == [["y@a.test"]]
    owner.execute(f"UPDATE chatmail.outbox SET {change}".encode())
    assert await outbox.lease(None, ALL) == []


async def test_a_shut_door_is_left_alone_until_its_time(
    outbox: Outbox, other: Outbox, owner: Owner, ann: Account
) -> None:
    put(owner, letter(ann, "x@a.test"))
    leased, (claimed,) = await take(outbox)
    await outbox.settle(result(claimed, UNTRIED))
    assert await outbox.release(leased, 2, 60.0)
    assert await other.lease(None, ALL) == []
    assert await other.lease([leased.id], ALL) == []
    owner.execute(b"UPDATE chatmail.destination SET retry_at = now() - interval '1 second'")
    (again,) = await other.lease(None, ALL)
    assert again.failures == 2
    assert await other.release(again) is False  # due still: it is kept, and has no failures any more
    assert one(owner, "SELECT failures FROM chatmail.destination") == 0


async def test_release_keeps_what_became_due_meanwhile(
    outbox: Outbox, other: Outbox, owner: Owner, second: Owner, ann: Account
) -> None:
    """Mail that is committed before the release was asked for is never left to a doorbell that was rung too early."""
    put(owner, letter(ann, "x@a.test"))
    leased, (claimed,) = await take(outbox)
    await outbox.settle(result(claimed, DONE))
    with second.transaction():
        put(second, letter(ann, "y@a.test"))  # under way in another connection, which does not hold up the release
        assert await outbox.release(leased)
    assert domains(await other.lease([leased.id], ALL)) == ["a.test"]  # as the doorbell asks after the commit
    (again,) = [leased] = [Leased(other.token, leased.id, "a.test", 0, True, None, None, None, 0)]
    (claimed,) = await other.claim(again, 16)
    await other.settle(result(claimed, DONE))
    put(second, letter(ann, "z@a.test"))
    assert await other.release(again) is False
    assert len(await other.claim(again, 16)) == 1


# Workers that end.


async def test_a_silent_worker_loses_what_it_held(outbox: Outbox, other: Outbox, owner: Owner, ann: Account) -> None:
    put(owner, letter(ann, "x@a.test"))
    put(owner, letter(ann, "x@b.test"))
    found = await outbox.lease(None, ALL)
    claimed = [one for leased in found for one in await outbox.claim(leased, 16)]
    assert len(claimed) == 2
    assert await other.lease(None, ALL) == []
    die(owner, outbox.token)
    (leased,) = await other.lease(None, 1)
    assert rows(owner, "lost_leases") == [int(leased.domain == "a.test"), int(leased.domain == "b.test")]
    (taken,) = await other.claim(leased, 16)
    assert list(taken.attempts) == [2]
    # It is told, and may do nothing more where another has taken over; what nobody took over is still settled.
    assert not await outbox.stay(SECONDS)
    assert await outbox.lease(None, ALL) == []
    assert await outbox.expired(-1.0, ALL) == []
    for one_claimed in claimed:
        await outbox.settle(result(one_claimed, DONE, report=REPORT))
    assert waiting(owner) == list(taken.recipients)
    assert reports(owner, ann) == [REPORT]
    await other.settle(result(taken, DONE))
    assert waiting(owner) == []
    assert_balanced(owner)


async def test_who_lives_on_in_time_keeps_everything(outbox: Outbox, other: Outbox, owner: Owner, ann: Account) -> None:
    put(owner, letter(ann, "x@a.test"))
    await take(outbox)
    die(owner, outbox.token)
    assert await outbox.stay(SECONDS)
    assert await other.lease(None, ALL) == []
    assert rows(owner, "lost_leases") == [0]


async def test_who_says_so_at_this_very_moment_is_spared(
    outbox: Outbox, other: Outbox, owner: Owner, second: Owner, ann: Account
) -> None:
    put(owner, letter(ann, "x@a.test"))
    await take(outbox)
    die(owner, outbox.token)
    with second.transaction():
        assert one(second, "SELECT chatmail.worker_stay(%s, 60)", outbox.token)
        assert await other.lease(None, ALL) == []
    assert await other.lease(None, ALL) == []


async def test_the_third_loss_is_poison_and_the_second_makes_a_suspect(
    database: Database, owner: Owner, ann: Account
) -> None:
    put(owner, letter(ann, "x@a.test"))
    seen = []
    for _ in range(3):
        ending = await worker(database)
        leased, (claimed,) = await take(ending)
        seen.append((leased.poisoned, claimed.is_suspect))
        die(owner, ending.token)
    put(owner, letter(ann, "y@a.test"))
    leased, claims = await take(await worker(database))
    assert seen == [(0, False), (0, False), (0, True)]
    assert leased.poisoned == 1
    assert [list(one.recipients) for one in claims] == [["y@a.test"]]
    assert (rows(owner, "is_poison"), rows(owner, "lost_leases")) == ([True, False], [3, 0])


async def test_suspects_come_alone_one_at_a_time_and_hold_up_nobody(
    outbox: Outbox, other: Outbox, owner: Owner, ann: Account
) -> None:
    for domain in ("a.test", "b.test"):
        for name in ("s", "t", "u"):
            put(owner, letter(ann, f"{name}@{domain}", salt=name))
    owner.execute(b"UPDATE chatmail.outbox SET lost_leases = 2 WHERE recipient ^@ 's' OR recipient ^@ 't'")
    first, second = await outbox.lease(None, ALL)
    (lone,) = await outbox.claim(first, 16)
    assert lone.is_suspect
    for leased in (first, second):
        assert [one.is_suspect for one in await outbox.claim(leased, 16)] == [False]
        assert await outbox.claim(leased, 16) == []
        assert await outbox.release(leased) is False
    await outbox.settle(result(lone, DONE))
    assert [one.is_suspect for one in await outbox.claim(second, 16)] == [True]
    assert await outbox.claim(first, 16) == []


async def test_a_graceful_end_counts_nothing(outbox: Outbox, other: Outbox, owner: Owner, ann: Account) -> None:
    put(owner, letter(ann, "x@a.test"))
    await take(outbox)
    await outbox.leave()
    leased, (claimed,) = await take(other)
    assert (leased.poisoned, rows(owner, "lost_leases")) == (0, [0])
    assert list(claimed.recipients) == ["x@a.test"]
    assert not await outbox.stay(SECONDS)


async def test_release_counts_what_nobody_is_at_work_on_as_lost(outbox: Outbox, owner: Owner, ann: Account) -> None:
    put(owner, letter(ann, "x@a.test"))
    leased, _ = await take(outbox)
    assert await outbox.release(leased, 1, 0.0)
    assert (rows(owner, "worker"), rows(owner, "lost_leases")) == ([None], [1])


async def test_a_lease_leaves_alone_what_another_gives_up_for_its_age(
    outbox: Outbox, other: Outbox, owner: Owner, ann: Account
) -> None:
    put(owner, letter(ann, "x@a.test"))
    age(owner, 49)
    (overdue,) = await other.expired(48 * 3600, ALL)
    leased, claimed = await take(outbox)
    assert (leased.poisoned, claimed, rows(owner, "lost_leases")) == (0, [], [0])
    await other.settle(result(overdue, DONE, report=REPORT))
    assert reports(owner, ann) == [REPORT]


# What became of it.


async def test_done_is_gone_and_the_last_takes_the_body_along(outbox: Outbox, owner: Owner, ann: Account) -> None:
    put(owner, letter(ann, "x@a.test", "y@b.test", here=(ann.mailbox_id,)))
    first, second = [(await outbox.claim(leased, 16))[0] for leased in await outbox.lease(None, ALL)]
    await outbox.settle(result(first, DONE))
    assert one(owner, "SELECT count(*) FROM chatmail.outbox_message") == 1
    assert_balanced(owner)
    await outbox.settle(result(second, DONE))
    assert one(owner, "SELECT count(*) FROM chatmail.outbox_message") == 0
    assert_balanced(owner)
    owner.execute(b"SELECT * FROM chatmail.remove_messages(%s, '{1}', false)", ([ann.mailbox_id],))
    assert one(owner, "SELECT count(*) FROM chatmail.body") == 0


OUTCOMES = [
    pytest.param(LATER, (1, 0, False, 450), id="later"),
    pytest.param(LOST, (1, 2, False, 450), id="lost"),
    pytest.param(UNTRIED, (0, 1, False, 450), id="untried"),
]


@pytest.mark.parametrize(("outcome", "expected"), OUTCOMES)
async def test_what_is_to_be_tried_again(
    outbox: Outbox, owner: Owner, ann: Account, outcome: int, expected: tuple[object, ...]
) -> None:
    put(owner, letter(ann, "x@a.test"))
    owner.execute(b"UPDATE chatmail.outbox SET lost_leases = 1")
    leased, (claimed,) = await take(outbox)
    await outbox.settle(result(claimed, outcome, 60.0))
    columns = b"SELECT attempts, lost_leases, is_poison, last_code FROM chatmail.outbox"
    assert owner.execute(columns).fetchall() == [expected]
    assert one(owner, "SELECT worker IS NULL AND next_at > now() + interval '59 seconds' FROM chatmail.outbox")
    assert await outbox.claim(leased, 16) == []


async def test_a_letter_lost_thrice_is_set_aside(outbox: Outbox, owner: Owner, ann: Account) -> None:
    put(owner, letter(ann, "x@a.test"))
    (leased,) = await outbox.lease(None, ALL)
    for _ in range(3):
        (claimed,) = await outbox.claim(leased, 16)
        await outbox.settle(result(claimed, LOST))
    assert rows(owner, "is_poison") == [True]
    assert await outbox.claim(leased, 16) == []


async def test_recipients_of_one_message_fare_apart(outbox: Outbox, owner: Owner, ann: Account) -> None:
    put(owner, letter(ann, "x@a.test", "y@a.test", "z@a.test"))
    _, (claimed,) = await take(outbox)
    x, y, z = claimed.ids
    told = Report(claimed.message_id, REPORT, REPORT_HEADER)
    rung = await outbox.settle(Settlement(outbox.token, (Row(x, DONE), Row(y, LATER, 60.0), Row(z, DONE)), told))
    assert (waiting(owner), [mailbox for mailbox, _ in rung]) == (["y@a.test"], [ann.mailbox_id])
    assert reports(owner, ann) == [REPORT]
    assert rung[0][1] == one(owner, "SELECT modseq FROM chatmail.mailbox WHERE id = %s", ann.mailbox_id)


async def test_a_report_comes_into_a_full_mailbox_and_wakes_devices(outbox: Outbox, owner: Owner, ann: Account) -> None:
    put(owner, letter(ann, "x@a.test"))
    full = b"UPDATE chatmail.mailbox SET bytes = %s, wants_push = true WHERE id = %s"
    owner.execute(full, (QUOTA + 1, ann.mailbox_id))
    _, (claimed,) = await take(outbox)
    await outbox.settle(result(claimed, DONE, report=REPORT))
    assert reports(owner, ann) == [REPORT]
    assert one(owner, "SELECT account_id FROM chatmail.push_due") == ann.account_id
    assert_balanced(owner)


async def test_reports_alone_do_not_fill_a_disk(outbox: Outbox, owner: Owner, ann: Account) -> None:
    put(owner, letter(ann, "x@a.test"))
    full = b"UPDATE chatmail.mailbox SET bytes = %s WHERE id = %s"
    owner.execute(full, (QUOTA + 5_000_000, ann.mailbox_id))
    _, (claimed,) = await take(outbox)
    assert await outbox.settle(result(claimed, DONE, report=REPORT)) == ()
    assert (reports(owner, ann), waiting(owner)) == ([], [])
    assert_balanced(owner)


async def test_a_message_is_reported_on_twenty_times_at_the_most(outbox: Outbox, owner: Owner, ann: Account) -> None:
    put(owner, letter(ann, *(f"x@d{number}.test" for number in range(25))))
    for leased in await outbox.lease(None, 25):
        (claimed,) = await outbox.claim(leased, 1)
        await outbox.settle(result(claimed, DONE, report=REPORT))
    assert len(reports(owner, ann)) == 20
    assert waiting(owner) == []


async def test_nobody_is_told_of_a_report_that_failed(outbox: Outbox, owner: Owner, ann: Account) -> None:
    put(owner, letter(None, "x@a.test"))
    _, (claimed,) = await take(outbox)
    assert claimed.sender_mailbox is None
    assert await outbox.settle(result(claimed, DONE, report=REPORT)) == ()
    assert one(owner, "SELECT count(*) FROM chatmail.body") == 0


async def test_a_mailbox_that_is_gone_is_told_nothing(outbox: Outbox, owner: Owner, ann: Account) -> None:
    put(owner, letter(ann, "x@a.test"))
    _, (claimed,) = await take(outbox)
    owner.execute(b"DELETE FROM chatmail.mailbox WHERE id = %s", (ann.mailbox_id,))
    assert await outbox.settle(result(claimed, DONE, report=REPORT)) == ()
    assert one(owner, "SELECT count(*) FROM chatmail.body") == 0


async def test_many_settle_in_one_statement(outbox: Outbox, owner: Owner, ann: Account) -> None:
    bob = born(owner)
    for number in range(6):
        put(owner, letter(ann if number % 2 else bob, f"{number}@a.test", salt=number))
    _, claims = await take(outbox)
    rung = await asyncio.gather(*(outbox.settle(result(claimed, DONE, report=REPORT)) for claimed in claims))
    assert {mailbox for some in rung for mailbox, _ in some} == {ann.mailbox_id, bob.mailbox_id}
    assert (len(reports(owner, ann)), len(reports(owner, bob)), waiting(owner)) == (3, 3, [])
    assert_balanced(owner)


async def test_a_signature_is_made_once(outbox: Outbox, other: Outbox, owner: Owner, ann: Account) -> None:
    put(owner, letter(ann, "x@a.test", "x@b.test"))
    message = one(owner, "SELECT id FROM chatmail.outbox_message")
    made = await asyncio.gather(outbox.sign(message, b"first"), other.sign(message, b"second"))
    assert made == [b"first", b"first"]
    claims = [(await outbox.claim(leased, 16))[0] for leased in await outbox.lease(None, ALL)]
    assert [claimed.signature for claimed in claims] == [b"first", b"first"]
    assert await outbox.sign(10**6, b"of nothing") == b"of nothing"


# Time.


async def test_what_is_too_old_is_given_up_wherever_it_is(
    outbox: Outbox, other: Outbox, owner: Owner, ann: Account
) -> None:
    put(owner, letter(ann, "shut@a.test"))
    put(owner, letter(ann, "poison@b.test"))
    put(owner, letter(ann, "dead@c.test"))
    put(owner, letter(ann, "trying@d.test"))
    age(owner, 49)
    put(owner, letter(ann, "young@a.test"))
    owner.execute(b"UPDATE chatmail.outbox SET is_poison = true WHERE recipient = 'poison@b.test'")
    (c,) = await outbox.lease([destination(owner, "c.test")], ALL)
    await outbox.claim(c, 16)
    die(owner, outbox.token)
    (d,) = await other.lease([destination(owner, "d.test")], ALL)
    await other.claim(d, 16)
    owner.execute(
        b"UPDATE chatmail.destination SET retry_at = now() + interval '1 hour', failures = 9 WHERE domain = 'a.test'"
    )
    owner.execute(
        b"UPDATE chatmail.outbox SET last_code = 450, last_text = 'busy', next_at = now() + interval '1 hour'"
    )
    overdue = await other.expired(48 * 3600, ALL)
    assert [list(one.recipients) for one in overdue] == [["shut@a.test"], ["poison@b.test"], ["dead@c.test"]]
    assert {(one.header, *one.codes, *one.texts) for one in overdue} == {(BODY[: BODY.index(b"cipher")], 450, "busy")}
    assert await other.expired(48 * 3600, ALL) == []
    for one_overdue in overdue:
        await other.settle(result(one_overdue, DONE, report=REPORT))
    assert waiting(owner) == ["trying@d.test", "young@a.test"]
    assert len(reports(owner, ann)) == 3


async def test_two_workers_give_up_different_ones(outbox: Outbox, other: Outbox, owner: Owner, ann: Account) -> None:
    for number in range(6):
        put(owner, letter(ann, f"{number}@a.test", salt=number))
    age(owner, 49)
    first, second = await outbox.expired(48 * 3600, 4), await other.expired(48 * 3600, 4)
    assert [len(first), len(second)] == [4, 2]
    assert not {one.message_id for one in first} & {one.message_id for one in second}


async def test_a_sender_is_told_once_that_mail_is_late(
    outbox: Outbox, other: Outbox, owner: Owner, ann: Account
) -> None:
    put(owner, letter(ann, "x@a.test", "y@b.test"))
    put(owner, letter(None, "z@a.test"))
    age(owner, 5)
    put(owner, letter(ann, "young@a.test"))
    owner.execute(b"UPDATE chatmail.outbox SET is_poison = true WHERE recipient = 'y@b.test'")
    (late,) = await outbox.late(4 * 3600, ALL)
    assert list(late.recipients) == ["x@a.test", "y@b.test"]
    report = Report(late.message_id, REPORT, REPORT_HEADER)
    ((mailbox, _),) = await outbox.warn(report)
    assert (mailbox, await other.warn(report)) == (ann.mailbox_id, ())
    assert reports(owner, ann) == [REPORT]
    assert await outbox.late(4 * 3600, ALL) == []
    assert len(waiting(owner)) == 4


async def test_an_account_that_goes_takes_its_outbox_and_tokens_along(
    outbox: Outbox, owner: Owner, ann: Account
) -> None:
    bob = born(owner)
    put(owner, letter(ann, "x@a.test", here=(ann.mailbox_id, bob.mailbox_id)))
    put(owner, letter(bob, "y@a.test"))
    owner.execute(b"SELECT chatmail.set_push_tokens(%s, %s, 10)", ([ann.account_id], [b"token"]))
    owner.execute(b"INSERT INTO chatmail.push_due VALUES (%s)", (ann.account_id,))
    _, claims = await take(outbox)
    owner.execute(b"SELECT chatmail.remove_account(%s)", (ann.account_id,))
    assert waiting(owner) == ["y@a.test"]
    assert (
        one(owner, "SELECT count(*) FROM chatmail.push_token")
        == one(owner, "SELECT count(*) FROM chatmail.push_due")
        == 0
    )
    assert_balanced(owner)
    for claimed in claims:
        await outbox.settle(result(claimed, DONE, report=REPORT))
    assert (waiting(owner), len(reports(owner, bob))) == ([], 2)
    assert_balanced(owner)


async def test_destinations_are_forgotten_when_nothing_waits(outbox: Outbox, owner: Owner, ann: Account) -> None:
    put(owner, letter(ann, "x@a.test"))
    owner.execute(b"INSERT INTO chatmail.destination (domain) VALUES ('b.test'), ('c.test')")
    owner.execute(b"UPDATE chatmail.destination SET used = now() - interval '2 hours' WHERE domain <> 'c.test'")
    owner.execute(b"SELECT chatmail.forget_destinations()")
    assert [row[0] for row in owner.execute(b"SELECT domain FROM chatmail.destination ORDER BY 1")] == [
        "a.test",
        "c.test",
    ]


async def test_policies_and_counts_are_kept(outbox: Outbox, owner: Owner) -> None:
    assert await outbox.policy("a.test") is None
    await outbox.put_policy("a.test", "1", b"old", 60.0)
    await outbox.put_policy("a.test", "2", b"new", 60.0)
    policy = await outbox.policy("a.test")
    assert policy is not None
    assert policy[:2] == ("2", b"new")
    await outbox.put_policy("a.test", "3", b"ended", -1.0)
    assert await outbox.policy("a.test") is None
    for _ in range(2):
        await outbox.count_tls({("a.test", "sts", "success"): 2, ("b.test", "tlsa", "success"): 1})
    counted = owner.execute(b"SELECT domain, sessions FROM chatmail.tls_result ORDER BY domain").fetchall()
    assert counted == [("a.test", 4), ("b.test", 2)]


# What it costs.


def buffers(owner: Owner, statement: str) -> int:
    """Pages looked at by a statement."""
    plan = one(owner, f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {statement}")
    return int(plan[0]["Plan"]["Shared Hit Blocks"]) + int(plan[0]["Plan"]["Shared Read Blocks"])


def pile_up(owner: Owner, recipients: int) -> None:
    """Let so many more wait at every destination; at every other one nothing is due."""
    statement = b"""
        INSERT INTO chatmail.outbox (message_id, destination_id, recipient, next_at)
        SELECT n, d.id, 'x@' || d.domain, now() + CASE mod(d.id, 2) WHEN 0 THEN 1 ELSE -1 END * interval '1 hour'
        FROM chatmail.destination d, generate_series(1, %s) n"""
    owner.execute(statement, (recipients,))
    owner.execute(b"VACUUM ANALYZE chatmail.outbox")


def test_looking_for_work_costs_the_same_however_much_waits(owner: Owner, database_urls: dict[str, str]) -> None:
    """From 2000 to 40 000 recipients at 200 destinations."""
    clear(owner)
    owner.execute(b"INSERT INTO chatmail.destination (domain) SELECT 'd' || n FROM generate_series(1, 200) n")
    token = one(owner, "SELECT chatmail.worker_join(60)")
    owner.execute(b"UPDATE chatmail.destination SET worker = %s", (token,))
    first = one(owner, "SELECT min(id) FROM chatmail.destination WHERE mod(id, 2) = 1")
    looking, claiming = "SELECT * FROM chatmail.due_destinations()", "SELECT * FROM chatmail.claim({}, {}, 1, 1000)"
    assert one(owner, "SELECT count(*) FROM chatmail.due_destinations()") == 0
    costs = []
    for step, recipients in enumerate((10, 190)):
        pile_up(owner, recipients)
        assert one(owner, "SELECT count(*) FROM chatmail.due_destinations()") == 100
        buffers(owner, claiming.format(token, first + 4 * step))  # the plans are made once
        costs.append((buffers(owner, looking), buffers(owner, claiming.format(token, first + 4 * step + 2))))
    # A look at fifty sees those among them that are due, and not always the same fifty.
    some = "SELECT array_agg(d ORDER BY d) FROM chatmail.due_destinations(50) d"
    assert all(len(one(owner, some) or ()) <= 50 for _ in range(5))
    assert len({tuple(one(owner, some) or ()) for _ in range(8)}) > 1
    (looked, claimed), (looked_later, claimed_later) = costs
    assert looked_later < 2 * looked
    assert claimed_later < claimed + 2000 / 10  # at the most 2000 rows are looked at, whatever waits
    clear(owner)
