"""The certificate in Postgres: who asks, what is shown, what is answered."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from shared.storage.certificates import Answers, InForce, Issued, Requests
from shared.storage.database import Database, connect
from shared.storage.operator import Operator
from tests.storage.conftest import one

CA = "https://ca.test/dir"
NOW = datetime.now(UTC)
Owner = psycopg.Connection[tuple[Any, ...]]


def issued(*names: str, days: float = 90) -> Issued:
    return Issued("chain", "key", names, NOW - timedelta(hours=1), NOW + timedelta(days=days))


@pytest.fixture(autouse=True)
def afresh(owner: Owner) -> None:
    owner.execute(
        "TRUNCATE chatmail.acme_state, chatmail.acme_certificate, chatmail.acme_challenge, chatmail.acme_account"
    )
    owner.execute("INSERT INTO chatmail.acme_state DEFAULT VALUES")


@pytest.fixture
async def worker(database_urls: dict[str, str]) -> AsyncIterator[Database]:
    database = await connect(database_urls["queue_worker"], "queue-worker")
    yield database
    await database.close()


@pytest.fixture
def requests(worker: Database) -> Requests:
    return Requests(worker.durable)


@pytest.fixture
async def register(database_urls: dict[str, str]) -> AsyncIterator[Database]:
    database = await connect(database_urls["register"], "register")
    yield database
    await database.close()


async def begin(requests: Requests) -> int:
    number = await requests.begin((await requests.state()).attempt, 30, 0)
    assert number
    return number


async def test_of_many_one_begins(requests: Requests, worker: Database) -> None:
    other = Requests(worker.lazy)
    state = await requests.state()
    begun = await asyncio.gather(*(each.begin(state.attempt, 30, 0) for each in (requests, other, requests, other)))
    assert sorted(begun, key=str) == [1, None, None, None]
    state = await requests.state()
    assert (state.may_begin, state.failures) == (False, 1)
    assert await requests.begin(state.attempt, 30, 0) is None  # while the lease holds


async def test_a_lost_attempt_leaves_the_field_to_the_next(requests: Requests, owner: Owner) -> None:
    lost = await requests.begin(0, 0, 0)
    assert lost == 1
    later = await begin(requests)
    assert later == 2
    assert not await requests.stay(lost, 30)
    assert not await requests.offer(lost, {"t": "a"})
    assert not await requests.issued(lost, CA, issued("h.test"))
    assert not await requests.failed(lost, "away", [], 1, [], 1)
    assert (await requests.state()).held is None
    assert await requests.stay(later, 30)
    assert one(owner, "SELECT failures FROM chatmail.acme_state") == 2


async def test_who_has_seen_an_older_state_begins_nothing(requests: Requests) -> None:
    await requests.begin(0, 0, 0)
    assert await requests.begin(0, 30, 0) is None
    assert await requests.begin(1, 30, 0) == 2


async def test_one_that_dies_waits_before_it_begins_again(requests: Requests, owner: Owner) -> None:
    await requests.begin(0, 0, 60)
    assert not (await requests.state()).may_begin
    assert await requests.begin(1, 30, 0) is None


async def test_what_is_issued_is_in_force(requests: Requests, imap: Database, register: Database) -> None:
    shown = InForce(imap.read)
    assert (await shown.number(), await shown.pair()) == (0, None)
    attempt = await begin(requests)
    await requests.offer(attempt, {"token": "answer"})
    assert await requests.issued(attempt, CA, issued("h.test", "a.test"))
    number = await shown.number()
    assert await shown.pair() == (number, (b"chain", b"key"))
    assert await Answers(register.read).all() == {}
    state = await requests.state()
    assert (state.may_begin, state.failures, state.is_wanted) == (True, 0, False)
    assert state.held
    assert state.held.names == {"h.test", "a.test"}
    assert state.held.directory == CA
    assert not await requests.issued(attempt, CA, issued("other.test"))  # an attempt ends once
    await requests.issued(await begin(requests), CA, issued("h.test"))
    assert await shown.number() > number


async def test_what_is_over_is_not_shown(requests: Requests, imap: Database) -> None:
    await requests.issued(await begin(requests), CA, issued("h.test", days=-0.01))
    assert (await InForce(imap.read).number(), await InForce(imap.read).pair()) == (0, None)


async def test_answers_hold_for_an_hour(requests: Requests, register: Database, owner: Owner) -> None:
    answers = Answers(register.read)
    attempt = await begin(requests)
    await requests.offer(attempt, {"old": "1"})
    await requests.offer(attempt, {"token": "2", "other": "3"})
    assert await answers.all() == {"token": "2", "other": "3"}
    owner.execute("UPDATE chatmail.acme_challenge SET expires = now() WHERE token = 'other'")
    assert await answers.all() == {"token": "2"}
    await requests.failed(attempt, "connection", ["h.test"], 60, [], 1)
    assert await answers.all() == {}


async def test_names_left_out_add_up_and_come_back(requests: Requests, owner: Owner) -> None:
    for name in ("a.test", "b.test"):
        await requests.failed(await begin(requests), "dns", [name], 0, [name], 60)
    await requests.failed(await begin(requests), "away", [], 0, [], 60)
    assert (await requests.state()).left_out == {"a.test", "b.test"}
    owner.execute("UPDATE chatmail.acme_state SET left_out_until = now()")
    assert (await requests.state()).left_out == frozenset()
    await requests.failed(await begin(requests), "dns", ["c.test"], 0, ["c.test"], 60)
    assert (await requests.state()).left_out == {"c.test"}


async def test_an_account_keeps_its_key(requests: Requests) -> None:
    assert await requests.key(CA, "first") == "first"
    assert await requests.key(CA, "second") == "first"
    assert await requests.key("https://other.test", "third") == "third"


async def test_the_operator_sees_and_asks(requests: Requests, database_urls: dict[str, str]) -> None:
    with Operator(database_urls["operator"]) as operator:
        certificates = operator.certificates
        assert certificates.issued() is None
        assert "BEGIN CERTIFICATE" in certificates.self_signed()
        attempt = await begin(requests)
        assert (certificates.asking().problem, certificates.asking().next_try) == ("under way", None)
        await requests.failed(attempt, "connection", ["h.test"], 3600, ["b.test"], 60)
        asking = certificates.asking()
        assert (asking.problem, asking.problem_names, asking.left_out) == ("connection", ["h.test"], ["b.test"])
        assert asking.next_try
        assert asking.next_try > datetime.now(UTC) + timedelta(minutes=50)
        assert not (await requests.state()).may_begin
        certificates.renew()
        state = await requests.state()
        assert (state.may_begin, state.is_wanted, state.left_out, state.failures) == (True, True, frozenset(), 0)
        await requests.issued(await begin(requests), CA, issued("h.test"))
        found = certificates.issued()
        assert found
        assert (found.names, found.directory) == (["h.test"], CA)
        assert not certificates.asking().is_wanted
