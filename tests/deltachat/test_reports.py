"""What a Delta Chat core makes of the reports we write."""

import time
from collections.abc import Callable

import psycopg
import pytest
from deltachat_rpc_client import Message
from deltachat_rpc_client.const import MessageState

from shared.mail import report
from shared.mail.report import Failure
from tests.deltachat.conftest import Friends
from tests.deltachat.core import Profile
from tests.suite import Suite

GONE = Failure("gone@example.net", "5.1.1", "550 5.1.1 no such user", "mx.example.net")
BUSY = Failure("busy@example.net", "4.4.7", "450 4.2.1 busy", "mx.example.net")
PUT = """
SELECT chatmail.put_report(b.id, %s, %s) FROM chatmail.mailbox b
JOIN chatmail.account a ON a.id = b.account_id WHERE a.address = %s AND b.name = 'INBOX'
"""

Write = Callable[..., bytes]


@pytest.mark.parametrize("force_encryption", ["1", "0"], ids=["by default", "with cleartext allowed"])
def test_a_failure_marks_its_message(friends: Friends, suite: Suite, force_encryption: str) -> None:
    friends.alice.account.set_config("force_encryption", force_encryption)
    message, other = deliver(friends, "to somebody who is gone"), deliver(friends, "to somebody else")
    put(suite, friends.alice, write(report.failure, suite, friends.alice, message, GONE))
    friends.alice.wait_for_state(message, MessageState.OUT_FAILED)
    assert "gone@example.net: mx.example.net said: 550 5.1.1 no such user" in message.get_snapshot().error
    assert other.get_snapshot().state != MessageState.OUT_FAILED
    friends.alice.core.wait_for_complaint("no such user")  # it warns of the failure
    friends.alice.account.set_config("force_encryption", "1")


def test_a_delay_does_not(friends: Friends, suite: Suite) -> None:
    friends.alice.account.set_config("force_encryption", "0")
    slow, gone = deliver(friends, "to somebody who is slow"), deliver(friends, "to somebody who is gone as well")
    chats = len(friends.alice.account.get_chatlist())
    put(suite, friends.alice, write(report.delay, suite, friends.alice, slow, BUSY, until=time.time() + 3600))
    put(suite, friends.alice, write(report.failure, suite, friends.alice, gone, GONE))
    friends.alice.wait_for_state(gone, MessageState.OUT_FAILED)  # so the one before has been read
    assert slow.get_snapshot().state != MessageState.OUT_FAILED
    assert len(friends.alice.account.get_chatlist()) == chats, "nobody new to talk with"
    friends.alice.core.wait_for_complaint("no such user")
    friends.alice.account.set_config("force_encryption", "1")


def deliver(friends: Friends, text: str) -> Message:
    """Send a message and wait until the server has it."""
    message = friends.alices.send_text(text)
    friends.alice.wait_for_state(message, MessageState.OUT_DELIVERED)
    return message


def write(make: Write, suite: Suite, to: Profile, about: Message, failed: Failure, **more: float) -> bytes:
    """Write a report on a message."""
    info = about._rpc.get_message_info_object(about.account.id, about.id)
    name = f"{time.time_ns()}"
    return make(
        sender_domain=suite.domain,
        hostname=suite.address,
        to=to.address,
        failures=[failed],
        original=f"From: <{to.address}>\r\nMessage-ID: <{info['rfc724Mid']}>\r\n\r\n".encode(),
        now=time.time(),
        message_id=f"{name}@{suite.domain}",
        boundary=name,
        **more,
    )


def put(suite: Suite, to: Profile, octets: bytes) -> None:
    """Put a report into somebody's mailbox as a worker does, and let them look at once."""
    with psycopg.connect(suite.owner_url) as owner:
        header_size = octets.index(b"\r\n\r\n") + 4
        assert owner.execute(PUT.encode(), (octets, header_size, to.address)).fetchone()
    to.account.stop_io()
    to.go_online()
