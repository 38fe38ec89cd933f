"""A 250 that never arrives: the client sends the same octets again, and they are there once."""

import os
import signal

import psycopg
import pytest

from tests.faults import servers
from tests.faults.clients import GONE, Proxy, Sender, address, make_account, message
from tests.suite import Suite

FORGET = """
DELETE FROM chatmail.receipt r USING chatmail.mailbox b, chatmail.account a
WHERE r.mailbox_id = b.id AND b.account_id = a.id AND a.address = %s
"""


def test_connection_lost_after_commit(suite: Suite, user: str) -> None:
    """Ten times: the commit is made, and the 250 is lost on its way."""
    to = make_account(suite, user)
    with Proxy(suite, suite.ports["port_submissions"]) as proxy:
        for number in range(1, 11):
            octets = message(to, f"lost.{number}")
            _send_unanswered(suite, proxy, user, octets, number)
            proxy.cut()
            assert _send(suite, user, octets) == 250
            assert servers.count_messages(suite, to) == number


def test_killed_after_commit(suite: Suite, user: str) -> None:
    """The service is killed with the commit made and the 250 unread."""
    to = make_account(suite, user)
    octets = message(to, "killed.1")
    with Proxy(suite, suite.ports["port_submissions"]) as proxy:
        _send_unanswered(suite, proxy, user, octets, 1)
        servers.kill(suite, "submission")
    assert _send(suite, user, octets) == 250
    assert servers.count_messages(suite, to) == 1


@pytest.mark.parametrize("number", range(3))
def test_killed_before_commit(suite: Suite, user: str, number: int) -> None:
    """The service is killed while Postgres works: whichever way the transaction ends, there is one copy at the end."""
    to = make_account(suite, user)
    octets = message(to, f"early.{number}")
    with Sender(suite, user) as sender:
        assert sender.log_in() == 235
        assert sender.begin([to])[0] == 354
        with servers.locked(suite, to):
            sender.say(octets)
            servers.wait(lambda: servers.is_waiting(suite), "nothing is being stored")
            os.kill(suite.pid("submission"), signal.SIGKILL)
            with pytest.raises(GONE):
                sender.answer()
    servers.wait(lambda: _send(suite, user, octets) == 250, "not accepted")
    servers.wait(lambda: not servers.is_waiting(suite), "still being stored")
    assert servers.count_messages(suite, to) == 1


def test_postgres_killed_before_commit(suite: Suite, user: str) -> None:
    """Postgres is killed while it stores: the client is told to try again, and nothing is there until it does."""
    to = make_account(suite, user)
    octets = message(to, "storing.1")
    with Sender(suite, user) as sender:
        assert sender.log_in() == 235
        assert sender.begin([to])[0] == 354
        with pytest.raises(psycopg.OperationalError), servers.locked(suite, to):
            sender.say(octets)
            servers.wait(lambda: servers.is_waiting(suite), "nothing is being stored")
            servers.kill_all_of_postgres(suite)
        assert sender.answer()[0] == 451
    assert servers.count_messages(suite, to) == 0
    servers.wait(lambda: _send(suite, user, octets) == 250, "not accepted")
    assert servers.count_messages(suite, to) == 1


def test_control_without_receipt(suite: Suite, user: str) -> None:
    """Control: without the receipt of the first, the second is stored, so it is the receipt that keeps it out."""
    to = make_account(suite, user)
    octets = message(to, "control.1")
    with Proxy(suite, suite.ports["port_submissions"]) as proxy:
        _send_unanswered(suite, proxy, user, octets, 1)
        with psycopg.connect(suite.owner_url) as connection:
            assert connection.execute(FORGET, (to,)).rowcount == 1
        proxy.cut()
    assert _send(suite, user, octets) == 250
    assert servers.count_messages(suite, to) == 2


def _send_unanswered(suite: Suite, proxy: Proxy, user: str, octets: bytes, total: int) -> None:
    """Send a user a message whose 250 never comes, and return when it is stored, as number `total`."""
    to = address(suite, user)
    with Sender(suite, user, proxy.port) as sender:
        assert sender.log_in() == 235
        assert sender.begin([to])[0] == 354
        proxy.mute.set()
        sender.say(octets)
        servers.wait(lambda: servers.count_messages(suite, to) == total, "nothing is stored")
    proxy.mute.clear()


def _send(suite: Suite, user: str, octets: bytes) -> int:
    try:
        with Sender(suite, user) as sender:
            return sender.send([sender.address], octets) if sender.log_in() == 235 else 0
    except GONE:
        return 0
