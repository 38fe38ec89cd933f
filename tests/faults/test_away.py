"""What is away for a while: mail goes on without Redis, and nobody is blamed for Postgres."""

import os
import signal
import smtplib

import pytest

from tests.faults import servers
from tests.faults.clients import GONE, PASSWORD, Reader, Sender, make_account, message
from tests.faults.conftest import SETTINGS
from tests.suite import Suite

POLL_SECONDS = 10.0  # how often an idling session looks by itself while no bell can be heard
MARGIN = 20.0


def test_redis_away(suite: Suite, user: str) -> None:
    to = make_account(suite, user)
    with Sender(suite, user) as sender, Reader(suite, user) as reader:
        assert sender.log_in() == 235
        reader.select()
        with servers.away(suite, "valkey"):
            _mail_is_heard_of(sender, reader, to, "away")
            with Sender(suite, user) as other:
                assert other.log_in() == 235
        _mail_is_heard_of(sender, reader, to, "back")
        assert len(reader.fetch()) == 2


def test_redis_silent(suite: Suite, user: str) -> None:
    """A Redis that takes connections and says nothing, which is worse than none."""
    to = make_account(suite, user)
    with Sender(suite, user) as sender, Reader(suite, user) as reader:
        assert sender.log_in() == 235
        reader.select()
        os.kill(suite.pid("valkey"), signal.SIGSTOP)
        try:
            _mail_is_heard_of(sender, reader, to, "silent")
        finally:
            os.kill(suite.pid("valkey"), signal.SIGCONT)
        _mail_is_heard_of(sender, reader, to, "awake")


def test_postgres_away(suite: Suite, user: str) -> None:
    to = make_account(suite, user)
    with Sender(suite, user) as sender, Sender(suite, user) as stranger, Reader(suite, user) as reader:
        assert sender.log_in() == 235
        reader.select()
        with servers.away(suite, "postgres"):
            servers.wait(lambda: _greeting_code(suite, user) == 421, "people are still let in")
            assert stranger.log_in() == 454
            code, text = sender.begin([to])
            assert code in (421, 451), text
            answer = reader.command("UID FETCH 1:* (UID BODY.PEEK[])") + reader.command("STATUS INBOX (MESSAGES)")
            assert b"NO [UNAVAILABLE]" in answer
            assert b"uthentic" not in answer
            with Reader(suite, user, is_logged_in=False) as other:
                assert other.greeting.startswith(b"* BYE [UNAVAILABLE]"), other.greeting
                assert b"uthentic" not in other.greeting
        servers.wait(lambda: _greeting_code(suite, user) == 220, "nobody is let in again")
        with Sender(suite, user) as other_sender:
            assert other_sender.log_in() == 235
            assert other_sender.send([to], message(to, "back.1")) == 250
        servers.wait(lambda: b"MESSAGES 1" in reader.command("STATUS INBOX (MESSAGES)"), "IMAP is not back")


def test_disk_nearly_full(user: str) -> None:
    """The limit is set beyond any disk: mail is refused for now, what is there can be read and removed."""
    with Suite(settings={**SETTINGS, "MADDY_MIN_FREE_DISK": str(10**18)}) as suite:
        to = make_account(suite, user)
        with Sender(suite, user) as sender, Reader(suite, user) as reader:
            assert sender.log_in() == 235
            code, text = sender.begin([to])
            assert (code, text[:5]) == (452, b"4.3.1")
            reader.select()
            assert reader.fetch() == []
            reader.ok(reader.command(r"UID STORE 1:* +FLAGS (\Deleted)"))
            reader.ok(reader.command("EXPUNGE"))


def test_control_of_the_greeting(suite: Suite, user: str) -> None:
    """Control: with Postgres there, the greeting is 220 and a wrong password is the user's fault."""
    make_account(suite, user)
    assert _greeting_code(suite, user) == 220
    with Reader(suite, user, is_logged_in=False) as reader:
        assert b"NO [AUTHENTICATIONFAILED]" in reader.command(f'LOGIN "{user}@{suite.domain}" "{PASSWORD}!"')


def _mail_is_heard_of(sender: Sender, reader: Reader, to: str, name: str) -> None:
    reader.idle()
    assert sender.send([to], message(to, name)) == 250
    assert reader.hears(b"EXISTS", POLL_SECONDS + MARGIN), "an idling client heard of nothing"
    reader.done()


def _greeting_code(suite: Suite, user: str) -> int:
    try:
        with Sender(suite, user):
            return 220
    except smtplib.SMTPConnectError as error:
        return error.smtp_code
    except GONE:
        return 0


@pytest.fixture(autouse=True)
def _is_patient(request: pytest.FixtureRequest) -> None:
    request.node.add_marker(pytest.mark.timeout(180))
