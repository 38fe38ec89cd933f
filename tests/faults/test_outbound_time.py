"""What time does to mail that cannot go out: one warning, then one report; and poison, which is set aside."""

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack

import psycopg
import pytest

from tests.faults import reports, servers
from tests.faults.clients import PASSWORD, Sender, identity, make_account, message
from tests.faults.conftest import SETTINGS
from tests.faults.ground import Ground
from tests.federation import World
from tests.people import Person
from tests.remote import HANG
from tests.suite import Suite

HOUR = 3600
WARN_SECONDS, RETRY_SECONDS = 3, 9
LATER = "450 4.2.1 mailbox busy"
DEATHS = 3

UNDER_WAY = "SELECT worker FROM chatmail.outbox WHERE recipient = %s AND worker IS NOT NULL"
COUNT_POISON = "SELECT count(*) FROM chatmail.outbox WHERE recipient = %s AND is_poison"

pytestmark = pytest.mark.timeout(200)


@pytest.fixture
def world() -> Iterator[World]:
    with World() as world:
        yield world


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def test_one_warning_and_one_report(world: World, stack: ExitStack) -> None:
    """Two letters to one stranger who never takes them, the second when the first is given up; a third arrives late."""
    hours = {"MADDY_WARN_HOURS": str(WARN_SECONDS / HOUR), "MADDY_RETRY_HOURS": str(RETRY_SECONDS / HOUR)}
    suite = world.suite("here.test", {**SETTINGS, **hours})
    never, late = (Ground(world, suite.address, name, stack) for name in ("never", "late"))
    person = _person(suite)
    for ground in (never, late):
        ground.remote.at("RCPT", LATER)
    _send(person, never, "first")
    _send(person, late, "late")
    servers.wait(lambda: _told(person)["delayed", "4.4.7", "late"] == 1, "no warning")
    late.forget()
    servers.wait(lambda: _told(person)["failed", "4.4.7", "first"] == 1, "no report")
    _send(person, never, "second")
    servers.wait(lambda: _told(person)["failed", "4.4.7", "second"] == 1, "no second report")
    assert _told(person) == {
        ("delayed", "4.4.7", "first"): 1,
        ("failed", "4.4.7", "first"): 1,
        ("delayed", "4.4.7", "second"): 1,
        ("failed", "4.4.7", "second"): 1,
        ("delayed", "4.4.7", "late"): 1,
    }
    assert [identity(letter.octets) for letter in late.taken] == ["late"]
    assert servers.count_waiting(suite) == 0
    assert servers.ask(suite, "SELECT count(*) FROM chatmail.outbox_message") == 0


def test_poison_is_set_aside(world: World, stack: ExitStack) -> None:
    """A letter during which the worker dies three times; its neighbours go on, and the operator can bring it back."""
    patient = {"MADDY_REPLY_SECONDS": "100", "MADDY_CONNECT_SECONDS": "100", "MADDY_FINAL_SECONDS": "100"}
    suite = world.suite("here.test", {**SETTINGS, **patient})
    poisoned, well = (Ground(world, suite.address, name, stack) for name in ("poisoned", "well"))
    person = _person(suite)
    poison = f"poison@{poisoned.domain}"
    poisoned.remote.at(f"RCPT {poison}", HANG)
    _send(person, poisoned, "poison", to=poison)
    for number in range(DEATHS):
        _wait_for_tries(poisoned, poison, number + 1)
        _kill_during(suite, poison)
        for ground in (poisoned, well):
            _send(person, ground, f"good.{number}")
    servers.wait(lambda: servers.ask(suite, COUNT_POISON, poison) == 1, "not set aside")
    good = {f"good.{number}" for number in range(DEATHS)}
    neighbours = [poisoned, well]
    servers.wait(lambda: all(_names(ground) == good for ground in neighbours), "its neighbours wait")
    servers.wait(lambda: servers.count_waiting(suite) == 1, "something else waits")
    assert _tries(poisoned, poison) == DEATHS
    assert _told(person) == {}
    poisoned.forget()
    assert _command(suite, "queue", "retry", "--domain", poisoned.domain) == {"retried": 1}
    servers.wait(lambda: servers.count_waiting(suite) == 0, "it stays in the queue")
    assert _names(poisoned) == {"poison"}
    assert len(poisoned.letters) == 1


def _kill_during(suite: Suite, recipient: str) -> None:
    """Kill the worker that tries this recipient, and let its lease run out."""
    with psycopg.connect(suite.owner_url) as owner:
        tokens = [token for (token,) in owner.execute(UNDER_WAY, (recipient,)).fetchall()]
    assert len(tokens) == 1
    servers.kill_worker(suite)
    servers.outlive(suite, tokens)


def _wait_for_tries(ground: Ground, recipient: str, times: int) -> None:
    servers.wait(lambda: _tries(ground, recipient) == times, "not tried")


def _names(ground: Ground) -> set[str]:
    return {identity(letter.octets) for letter in ground.taken}


def _tries(ground: Ground, recipient: str) -> int:
    return ground.remote.commands.count(f"RCPT TO:<{recipient}>")


def _person(suite: Suite) -> Person:
    return Person(suite, make_account(suite, "somebody"), PASSWORD)


def _send(person: Person, ground: Ground, name: str, to: str = "") -> None:
    with Sender(person.suite, "somebody") as sender:
        assert sender.log_in() == 235
        assert sender.send([to or f"bob@{ground.domain}"], message(person.address, name)) == 250


def _told(person: Person) -> Counter[tuple[str, str, str]]:
    """Return what the reports in the mailbox say: action, status, and which message they are about."""
    return Counter((one.action, one.status, one.about) for one in reports.read(person.inbox()))


def _command(suite: Suite, *words: str) -> object:
    """Run the operator's command on a suite and return its answer."""
    command = [sys.executable, "-m", "chatmail", *words, "--json", "--data", str(suite.status["data"])]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MADDY_")}
    return json.loads(subprocess.run(command, env=environment, check=True, capture_output=True, timeout=60).stdout)
