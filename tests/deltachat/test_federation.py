"""Delta Chat between two suites: servers without DNS, and servers with names.

Each side has a core of its own. A core asks the machine's DNS and not the test's, so links carry loopback addresses;
the suites find each other by the test's DNS, or by the address literals that are their domains.
"""

import os
import random
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import psycopg
import pytest
from deltachat_rpc_client import Chat
from deltachat_rpc_client.const import MessageState

from tests.deltachat.core import PATIENCE, PROGRAMS, Core, Profile, join
from tests.deltachat.links import invent
from tests.federation import FAST, PORTS, World
from tests.needs import needs
from tests.suite import Suite, free_address

STANDARD = {"port_smtp": 25, "port_https": 443, "port_imaps": 993, "port_submissions": 465}
QUICK = {"MADDY_SEND_PER_MINUTE": "6000", "MADDY_SEND_BURST": "1000"}  # cmping writes faster than people do


@dataclass(frozen=True)
class Between:
    """Alice here and Bob there, who have scanned one's code; each has a chat with the other."""

    here: Suite
    there: Suite
    alice: Profile
    bob: Profile
    alices: Chat
    bobs: Chat


@contextmanager
def literals() -> Iterator[tuple[Suite, Suite]]:
    """Two suites without DNS, as `chatmail up` makes them: addresses in brackets, self-signed certificates."""
    settings, ports = {**FAST, **QUICK}, STANDARD
    if not may_use_standard_ports():
        settings |= {f"MADDY_REMOTE_{name.upper()}": str(port) for name, port in PORTS.items()}
        ports = PORTS
    with Suite(settings=settings, ports=ports) as here, Suite(settings=settings, ports=ports) as there:
        yield here, there


@contextmanager
def domains() -> Iterator[tuple[Suite, Suite]]:
    """Two suites on domains, with keys and certificates; one runs every service twice."""
    with World() as world:
        yield world.suite("a.test", {**QUICK, "MADDY_WORKERS": "2"}), world.suite("b.test", QUICK)


@pytest.fixture(scope="module", params=[literals, domains], ids=["literals", "domains"])
def suites(request: pytest.FixtureRequest) -> Iterator[tuple[Suite, Suite]]:
    with request.param() as (here, there):
        yield here, there
        print(here.output(), there.output())


@pytest.fixture(scope="module")
def long_between(suites: tuple[Suite, Suite], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Between]:
    here, there = suites
    with Core(tmp_path_factory.mktemp("here")) as one, Core(tmp_path_factory.mktemp("there")) as other:
        alice, bob = one.log_in(invent(here), "Alice"), other.log_in(invent(there), "Bob")
        try:
            chats = join(alice, bob)
        except AssertionError:
            print(rows(here, WAITING), rows(there, WAITING), *one.take_complaints(), *other.take_complaints(), sep="\n")
            raise
        yield Between(here, there, alice, bob, *chats)


@pytest.fixture
def between(long_between: Between) -> Iterator[Between]:
    """Two friends whose cores have nothing to complain of."""
    yield long_between
    assert not [*long_between.alice.core.take_complaints(), *long_between.bob.core.take_complaints()]


def may_use_standard_ports() -> bool:
    try:
        with socket.socket() as probe:
            probe.bind((free_address(), STANDARD["port_submissions"]))
    except PermissionError:
        return False
    return True


def test_text_goes_both_ways_and_is_seen(between: Between) -> None:
    told = between.alices.send_text("what do you hear over there?")
    heard = between.bob.receive("what do you hear over there?")
    assert heard.get_snapshot().show_padlock
    assert heard.get_snapshot().sender.get_snapshot().address == between.alice.address
    heard.mark_seen()
    between.alice.wait_for_state(told, MessageState.OUT_MDN_RCVD)
    answer = between.bobs.send_text("every word")
    between.alice.receive("every word").mark_seen()
    between.bob.wait_for_state(answer, MessageState.OUT_MDN_RCVD)


def test_a_file_crosses_with_the_same_bytes(between: Between, tmp_path: Path) -> None:
    file = tmp_path / "sent.bin"
    file.write_bytes(random.Random(3).randbytes(1_000_000))
    between.alices.send_message(text="all of it", file=str(file))
    assert sha256(between.bob.receive_file("all of it")).digest() == sha256(file.read_bytes()).digest()


def test_a_group_has_members_on_both_sides(between: Between) -> None:
    ann = between.alice.core.log_in(invent(between.here), "Ann")
    ben = between.bob.core.log_in(invent(between.there), "Ben")
    group = between.alice.account.create_group("Two towns")
    others = (ann, between.bob, ben)
    for member in others:
        group.add_contact(member.account)
    group.send_text("to both towns")
    for member in others:
        received = member.receive("to both towns").get_snapshot()
        assert len(received.chat.get_contacts()) == 4
        received.chat.accept()
    ben.receive("to both towns").get_snapshot().chat.send_text("one answers all")
    for member in (between.alice, ann, between.bob):
        member.receive("one answers all")


def test_nothing_of_a_conversation_stays(between: Between) -> None:
    between.alice.settle()
    between.bob.settle()
    both = (between.here, between.there)
    between.here.wait(lambda: not any(rows(suite, HELD) for suite in both), PATIENCE, "rid of what every device has")
    for suite, stranger in ((between.here, between.bob), (between.there, between.alice)):
        domain = stranger.address.partition("@")[2].encode()
        assert holders(suite, stranger.address.partition("@")[0].encode()) == set()
        # How TLS went with a domain that has a name is counted, day by day, for a week.
        counted = set() if domain.startswith(b"[") else {"tls_result"}
        assert holders(suite, domain) - counted == {"destination"}
        with psycopg.connect(suite.owner_url, autocommit=True) as owner:
            assert owner.execute("SELECT domain FROM chatmail.destination").fetchall() == [(domain.decode(),)]
            owner.execute("UPDATE chatmail.destination SET used = used - interval '1 hour'")
            owner.execute("SELECT chatmail.forget_destinations()")
        assert holders(suite, domain) <= counted


# Cores complain of what follows, sooner or later: `long_between` does not mind.


def test_mail_to_somebody_who_is_gone_is_shown_as_failed(long_between: Between) -> None:
    gone = long_between.bob.core.log_in(invent(long_between.there), "Gone")
    chat = long_between.alice.chat_with(gone)
    gone.account.stop_io()
    delete(long_between.there, gone.address)
    message = chat.send_text("are you there?")
    long_between.alice.wait_for_state(message, MessageState.OUT_FAILED)
    assert "550 5.1.1 User doesn't exist" in message.get_snapshot().error
    long_between.alice.core.wait_for_complaint("user doesn't exist")
    gone.account.remove()


def test_a_server_that_is_away_costs_time_and_nothing_else(long_between: Between) -> None:
    assert long_between.there.stop() == 0
    message = long_between.alices.send_text("for when you are back")
    long_between.here.wait(
        lambda: any(attempts for _, attempts, *_ in rows(long_between.here, WAITING)), PATIENCE, "trying"
    )
    long_between.there.start()
    long_between.bob.core.hurry()
    long_between.bob.receive("for when you are back")
    long_between.here.wait(lambda: not rows(long_between.here, WAITING), PATIENCE, "done")
    assert message.get_snapshot().state == MessageState.OUT_DELIVERED


# It finds no names of ours, for it asks the machine's DNS.
@pytest.mark.parametrize("suites", [literals], indirect=True, ids=["literals"])
def test_cmping_loses_nothing_between_two(suites: tuple[Suite, Suite], tmp_path: Path) -> None:
    here, there = suites
    if here.ports["port_submissions"] != STANDARD["port_submissions"]:  # it knows no others
        needs("the right to use port 465")
    done = subprocess.run(
        [PROGRAMS / "cmping", "-c", "5", "-i", "0.3", "-g", "2", here.address, there.address],
        env={**os.environ, "PATH": f"{PROGRAMS}:{os.environ['PATH']}", "XDG_CACHE_HOME": str(tmp_path)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    print(done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"\b5 transmitted, 10 received, 0\.00% loss", done.stdout)


WAITING = "SELECT recipient, attempts, last_code, last_text, next_at, now() FROM chatmail.outbox"
HELD = "SELECT FROM chatmail.body"
TABLES = "SELECT table_name FROM information_schema.tables WHERE table_schema = 'chatmail'"


def rows(suite: Suite, query: str) -> list[tuple[object, ...]]:
    with psycopg.connect(suite.owner_url) as owner:
        return owner.execute(query.encode()).fetchall()


def holders(suite: Suite, word: bytes) -> set[str]:
    """Return the tables that hold a word in any column of any row."""
    return {table for (table,) in rows(suite, TABLES) if word in content(suite, str(table))}


def content(suite: Suite, table: str) -> bytes:
    values = [value for row in rows(suite, f'SELECT * FROM chatmail."{table}"') for value in row]
    return b"\0".join(value if isinstance(value, bytes) else str(value).encode() for value in values)


def delete(suite: Suite, address: str) -> None:
    """Remove an account as an operator does."""
    words = ["accounts", "delete", "--yes", address, "--data", str(suite.folder / "data")]
    subprocess.run([sys.executable, "-m", "chatmail", *words], check=True, capture_output=True)
