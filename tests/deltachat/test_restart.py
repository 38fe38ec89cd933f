"""The server goes away and comes back, and nothing is lost."""

import socket
from collections.abc import Iterator

import pytest
from deltachat_rpc_client import Chat
from deltachat_rpc_client.const import MessageState

from tests.deltachat.core import PATIENCE, Core, Profile, join
from tests.deltachat.links import invent
from tests.suite import Suite

SOON = 30.0  # seconds: half of the time after which a session looks without being told to


@pytest.fixture(scope="module")
def mortal() -> Iterator[Suite]:
    """A suite of our own, since it is stopped and its services are killed."""
    with Suite(settings={"MADDY_SEND_PER_MINUTE": "6000", "MADDY_SEND_BURST": "1000"}) as running:
        yield running


@pytest.fixture
def pair(own_core: Core, mortal: Suite) -> Iterator[tuple[Profile, Chat, Profile]]:
    """Someone, the chat with someone else, and that one; what the suite said is shown if the test fails."""
    alice, bob = (own_core.log_in(invent(mortal), name, is_bot=True) for name in ("Alice", "Bob"))
    yield alice, join(alice, bob)[0], bob
    print(mortal.output(), *own_core.take_complaints(), sep="\n")


def test_killed_services_lose_nothing(mortal: Suite, own_core: Core, pair: tuple[Profile, Chat, Profile]) -> None:
    alice, chat, bob = pair
    texts = []
    for victim in ("imap", "submission", "postgres", "valkey"):
        texts += [f"while {victim} dies, {number} of 5." for number in range(5)]
        for text in texts[-5:]:
            chat.send_text(text)
        mortal.kill_one(victim)
        mortal.wait(lambda: is_serving(mortal), PATIENCE, "serving")
        chat.send_text(f"after {victim} died.")
        texts.append(f"after {victim} died.")
        own_core.hurry()
        for text in texts[-6:]:
            bob.receive(text)
    assert sorted(texts_from(alice, bob)) == sorted(texts), "each once"


def test_a_crash_of_postgres_silences_nobody(
    mortal: Suite, own_core: Core, pair: tuple[Profile, Chat, Profile]
) -> None:
    # Bob deletes what he has received while Postgres dies: a mailbox may fall back behind what he has been told of it.
    _, chat, bob = pair
    for number in range(3):
        chat.send_text(f"last words {number}")
        bob.receive(f"last words {number}")
        mortal.kill_one("postgres")
        mortal.wait(lambda: is_serving(mortal), PATIENCE, "serving")
        own_core.hurry()
        bob.settle()
        bob.connect()
        chat.send_text(f"first words {number}")
        bob.receive(f"first words {number}", SOON)


def test_a_restart_loses_nothing(mortal: Suite, own_core: Core, pair: tuple[Profile, Chat, Profile]) -> None:
    alice, chat, bob = pair
    bob.account.stop_io()
    before = chat.send_text("before the restart")
    alice.wait_for_state(before, MessageState.OUT_DELIVERED)
    assert mortal.stop() == 0
    during = chat.send_text("during the restart")
    mortal.start()
    own_core.hurry()
    alice.wait_for_state(during, MessageState.OUT_DELIVERED)
    bob.go_online()
    for text in ("before the restart", "during the restart"):
        bob.receive(text)
    assert sorted(texts_from(alice, bob)) == ["before the restart", "during the restart"]


def is_serving(suite: Suite) -> bool:
    """Say whether mail is taken and given out: the services notice a new Postgres a moment after it is there."""
    greetings = []
    for name in ("port_submission", "port_imap"):
        with socket.create_connection((suite.address, suite.ports[name]), PATIENCE) as connection:
            greetings.append(connection.recv(4))
    return greetings == [b"220 ", b"* OK"]


def texts_from(sender: Profile, receiver: Profile) -> list[str]:
    """Return all that someone has been told by someone."""
    snapshots = [message.get_snapshot() for message in receiver.chat_with(sender).get_messages()]
    return [snapshot.text for snapshot in snapshots if not snapshot.is_info]
