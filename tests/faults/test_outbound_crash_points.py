"""The worker is killed at each point on a letter's way, all points in one instant: what goes out again, and how.

A stranger that falls silent at a step holds the worker there; no code of ours is prepared for it. Only where the final
dot had left may a letter go out again, and then it is the same to the last octet, its signature included.
"""

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import psycopg
import pytest

from tests.faults import servers
from tests.faults.clients import Sender, identity, large_message, make_account, message
from tests.faults.conftest import SETTINGS
from tests.faults.ground import Ground
from tests.federation import World
from tests.remote import HANG, Letter
from tests.suite import Suite

LETTERS = 4  # at each point, each on a connection of its own
LEASE_SECONDS = 20.0
MARGIN = 30.0
PATIENT = {
    **SETTINGS,
    "MADDY_CONNECT_SECONDS": "100",
    "MADDY_REPLY_SECONDS": "100",
    "MADDY_FINAL_SECONDS": "100",
}

pytestmark = pytest.mark.timeout(300)


@dataclass(frozen=True)
class Point:
    """Where the worker is held, by falling silent at a step, and how often each letter arrives in the end."""

    name: str
    step: str = ""
    copies: int = 1
    is_large: bool = False

    @property
    def letters(self) -> int:
        return 1 if self.is_large else LETTERS

    def hold(self, ground: Ground) -> None:
        """Have the server fall silent for these letters, and do everything right from then on."""
        if self.step:
            ground.remote.at(self.step, HANG, times=self.letters)
        else:
            ground.clog()

    def release(self, ground: Ground) -> None:
        if not self.step:
            ground.unclog()

    def is_reached(self, ground: Ground) -> bool:
        return not self.step or ground.remote.has_done(self.step)


POINTS = [
    Point("claimed"),
    Point("connected", "CONNECT"),
    Point("greeted", "EHLO"),
    Point("starttls", "STARTTLS"),
    Point("handshake", "TLS"),
    Point("mail", "MAIL"),
    Point("rcpt", "RCPT"),
    Point("data", "DATA"),
    Point("body", "BODY"),
    Point("large-body", "BODY", is_large=True),
    Point("dot-before-reply", "DOT", copies=2),
]
ANSWERED = Point("reply-before-result", copies=2)
NOT_YET = "450 4.2.0 not yet"

COUNT_HELD = """
SELECT count(*) FROM chatmail.outbox o JOIN chatmail.destination d ON d.id = o.destination_id
WHERE d.domain = %s AND o.worker IS NOT NULL
"""
COUNT_TRIED = """
SELECT count(*) FROM chatmail.outbox o JOIN chatmail.destination d ON d.id = o.destination_id
WHERE d.domain = %s AND o.worker IS NULL AND o.last_code = 450
"""
LOCK = """
SELECT FROM chatmail.outbox_message m WHERE m.id IN (
    SELECT o.message_id FROM chatmail.outbox o JOIN chatmail.destination d ON d.id = o.destination_id
    WHERE d.domain = %s) FOR UPDATE
"""
END_THOSE_WHO_WAIT = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with World() as world:
        yield world


@pytest.fixture(scope="module")
def suite(world: World) -> Suite:
    return world.suite("here.test", PATIENT)


@pytest.fixture(scope="module")
def killed(world: World, suite: Suite) -> Iterator[dict[str, list[Letter]]]:
    """The letters that each point's server got, when the worker was killed there and another took over."""
    with ExitStack() as stack:
        grounds = {point.name: Ground(world, suite.address, point.name, stack) for point in [*POINTS, ANSWERED]}
        answered = grounds[ANSWERED.name]
        answered.remote.at("RCPT", NOT_YET)
        for point in POINTS:
            point.hold(grounds[point.name])
        for point in [*POINTS, ANSWERED]:
            _send(suite, point, grounds[point.name])
        with _results_delayed(suite, answered) as owner:
            for point in POINTS:
                _wait_until_held(suite, point, grounds[point.name])
            dead = servers.kill_worker(suite)
            owner.execute(END_THOSE_WHO_WAIT)
        since = time.monotonic()
        for point in POINTS:
            point.release(grounds[point.name])
        servers.wait(lambda: servers.count_waiting(suite) == 0, "mail stays in the outbox")
        print(f"all mail went out {time.monotonic() - since:.1f} s after the death of worker {dead}")
        assert time.monotonic() - since < LEASE_SECONDS + MARGIN
        yield {name: ground.letters for name, ground in grounds.items()}


@pytest.mark.parametrize("point", [*POINTS, ANSWERED], ids=lambda point: point.name)
def test_worker_killed(killed: dict[str, list[Letter]], point: Point) -> None:
    letters = killed[point.name]
    expected = {f"{_name(point)}.{number}": point.copies for number in range(point.letters)}
    assert Counter(identity(letter.octets) for letter in letters) == expected
    octets = {letter.octets for letter in letters}
    assert len(octets) == point.letters, "sent again with other octets"
    assert all(one.startswith(b"DKIM-Signature:") for one in octets)


def test_postgres_killed_before_the_result(world: World, suite: Suite) -> None:
    """The worker lives on and knows what became of its letters: nothing goes out again."""
    point = Point("postgres-gone")
    with ExitStack() as stack:
        ground = Ground(world, suite.address, point.name, stack)
        ground.remote.at("RCPT", NOT_YET)
        _send(suite, point, ground)
        with pytest.raises(psycopg.OperationalError), _results_delayed(suite, ground):
            servers.kill_all_of_postgres(suite)
        servers.wait(lambda: servers.count_waiting(suite) == 0, "results are not recorded")
        assert sorted(identity(letter.octets) for letter in ground.letters) == [
            f"{_name(point)}.{number}" for number in range(LETTERS)
        ]


@contextmanager
def _results_delayed(suite: Suite, ground: Ground) -> "Iterator[psycopg.Connection[tuple[int]]]":
    """Run the block when all letters for this ground have been taken and no result of them can be recorded.

    They were refused for now until they were signed, for signing takes the same lock as recording.
    """
    with psycopg.connect(suite.owner_url) as owner:
        servers.wait(lambda: servers.ask(suite, COUNT_TRIED, ground.domain) == LETTERS, "not tried")
        owner.execute(LOCK, (ground.domain,))
        ground.forget()
        servers.wait(lambda: len(ground.letters) == LETTERS, "not taken")
        servers.wait(lambda: servers.is_waiting(suite), "no result is being recorded")
        yield owner


def _wait_until_held(suite: Suite, point: Point, ground: Ground) -> None:
    servers.wait(
        lambda: point.is_reached(ground) and servers.ask(suite, COUNT_HELD, ground.domain) == point.letters,
        f"not held: {point.name}",
    )


def _send(suite: Suite, point: Point, ground: Ground) -> None:
    user = "crash-points"
    sender_address = make_account(suite, user)
    with Sender(suite, user) as sender:
        assert sender.log_in() == 235
        for number in range(point.letters):
            octets = (large_message if point.is_large else message)(sender_address, f"{_name(point)}.{number}")
            assert sender.send([f"bob@{ground.domain}"], octets) == 250


def _name(point: Point) -> str:
    return point.name.replace("x", "k")
