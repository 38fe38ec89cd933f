"""Sessions that idle while everything around them fails, and readers that take what they asked for very slowly."""

import imaplib
import time
from collections.abc import Iterator

import pytest

from bench import accounting
from tests.faults import servers
from tests.faults.clients import PASSWORD, Reader, Sender, are_open, context, make_account, message
from tests.faults.conftest import SETTINGS
from tests.suite import Suite

LOOK_SECONDS = 60.0  # how often a session looks by itself, whatever it heard
MARGIN = 30.0
SLOW, LARGE = 20, 30_000_000
BOUND = 100_000_000  # octets of memory for all slow readers: a sixth of what they asked for


@pytest.mark.parametrize("server", ["valkey", "postgres"])
def test_an_idling_session_outlives_a_restart(server: str, suite: Suite, user: str) -> None:
    """It is never told BYE, and hears of the mail that comes afterwards."""
    to = make_account(suite, user)
    with Reader(suite, user) as reader:
        reader.select()
        reader.idle()
        suite.kill_one(server)
        servers.wait(lambda: are_open(suite), "the doors stay shut")
        with Sender(suite, user) as sender:
            servers.wait(lambda: sender.log_in() == 235, "nobody is let in again")
            servers.wait(lambda: sender.send([to], message(to, "after")) == 250, "no mail is taken")
        assert reader.hears(b"EXISTS", LOOK_SECONDS + MARGIN), "an idling client heard of nothing"
        reader.done()
        assert {name for _, name in reader.fetch()} == {"after"}


@pytest.fixture(scope="module")
def gateless() -> Iterator[Suite]:
    """A suite that takes whatever is appended."""
    with Suite(settings={**SETTINGS, "MADDY_GATE_APPEND": "off"}) as running:
        yield running


def test_slow_readers_cost_neither_time_nor_memory(gateless: Suite, user: str) -> None:
    """The process of the service answers others at once, and holds a part of what slow readers wait for."""
    to = make_account(gateless, user)
    with imaplib.IMAP4_SSL(gateless.address, gateless.ports["port_imaps"], ssl_context=context()) as writing:
        writing.login(to, PASSWORD)
        line = b"x" * 76 + b"\r\n"
        assert writing.append("INBOX", "", "", b"Subject: large\r\n\r\n" + line * (LARGE // len(line)))[0] == "OK"
    imap = {"imap": gateless.pid("imap")}
    readers = [Reader(gateless, user) for _ in range(SLOW)]
    before = accounting.memory(imap)["imap"]
    try:
        for reader in readers:
            reader.select()
            reader.ask("FETCH 1 BODY.PEEK[]")
        with Reader(gateless, user) as other:
            end = time.monotonic() + 3.0
            while time.monotonic() < end:
                other.ok(other.command("NOOP"))
                for reader in readers:
                    reader.take_some()
        assert accounting.memory(imap)["imap"] - before < BOUND
    finally:
        for reader in readers:
            reader.close()
