"""What people do with each other, from the first scan to the last deletion."""

import re

import psycopg
from deltachat_rpc_client.const import MessageState

from tests.deltachat.conftest import Friends
from tests.deltachat.core import Core, Profile, join
from tests.deltachat.links import ask, invent
from tests.suite import Suite

_HELD = """
SELECT count(*) FROM chatmail.message m JOIN chatmail.mailbox b ON b.id = m.mailbox_id
JOIN chatmail.account a ON a.id = b.account_id WHERE a.address = ANY(%s)
"""
_BODIES_OF_NOBODY = """
SELECT count(*) FROM chatmail.body b WHERE NOT EXISTS (SELECT FROM chatmail.message m WHERE m.body_id = b.id)
"""


def test_two_strangers_scan_a_code_and_talk(core: Core, suite: Suite) -> None:
    alice, bob = (core.log_in(ask(suite).dclogin_url, name) for name in ("Alice", "Bob"))
    alices, bobs = join(alice, bob)
    assert len(fingerprints(alice, bob)) == 2
    assert fingerprints(alice, bob) == fingerprints(bob, alice)
    alices.send_text("so you are Bob")
    bob.receive("so you are Bob")
    bobs.send_text("and you are Alice")
    alice.receive("and you are Alice")


def fingerprints(one: Profile, other: Profile) -> set[str]:
    """Return the two keys that are in use between two people, as one of them knows them."""
    [contact] = [found for found in one.account.get_contacts() if found.get_snapshot().address == other.address]
    return set(re.findall(r"(?:[0-9A-F]{4}\s*){10,}", contact.get_encryption_info()))


def test_text_goes_both_ways(friends: Friends) -> None:
    told = friends.alices.send_text("what do you hear?")
    assert (
        friends.bob.receive("what do you hear?").get_snapshot().sender.get_snapshot().address == friends.alice.address
    )
    friends.alice.wait_for_state(told, MessageState.OUT_DELIVERED)
    friends.bobs.send_text("every word")
    assert friends.alice.receive("every word").get_snapshot().show_padlock


def test_a_read_receipt_comes_back(friends: Friends) -> None:
    question = friends.alices.send_text("have you read this?")
    friends.bob.receive("have you read this?").mark_seen()
    friends.alice.wait_for_state(question, MessageState.OUT_MDN_RCVD)


def test_a_group_of_five_sees_a_message(core: Core, suite: Suite) -> None:
    speaker, *listeners = (core.log_in(invent(suite), f"Member {number}") for number in range(5))
    group = speaker.account.create_group("Five")
    for listener in listeners:
        group.add_contact(listener.account)
    message = group.send_text("to all four of you")
    for listener in listeners:
        received = listener.receive("to all four of you")
        assert received.get_snapshot().chat.get_full_snapshot().name == "Five"
        received.get_snapshot().chat.accept()
        received.mark_seen()
    speaker.until(lambda: len(message.get_read_receipts()) == 4, "told that all four have seen it")
    listeners[3].receive("to all four of you").get_snapshot().chat.send_text("one answers all")
    for member in (speaker, *listeners[:3]):
        member.receive("one answers all")


def test_a_message_is_deleted_for_all(friends: Friends) -> None:
    message = friends.alices.send_text("a slip of the tongue")
    received = friends.bob.receive("a slip of the tongue")
    assert received.exists()
    friends.alice.wait_for_state(message, MessageState.OUT_DELIVERED)
    friends.alice.core.rpc.delete_messages_for_all(friends.alice.account.id, [message.id])
    friends.bob.until(lambda: not received.exists(), "rid of the message")


def test_the_server_keeps_nothing_that_every_device_has(friends: Friends, suite: Suite) -> None:
    def count(query: str, *values: object) -> int:
        [found] = postgres.execute(query, values).fetchone() or [None]
        return int(str(found))

    everyone = [friends.alice.address, friends.bob.address]
    with psycopg.connect(suite.owner_url, autocommit=True) as postgres:
        friends.bob.account.stop_io()
        message = friends.alices.send_text("when you are back")
        friends.alice.wait_for_state(message, MessageState.OUT_DELIVERED)
        assert count(_HELD, everyone) > 0, "or this test would prove nothing"
        friends.bob.go_online()
        friends.bob.receive("when you are back")
        friends.bob.until(lambda: count(_HELD, everyone) == 0, "done with its mailbox")
        assert count(_BODIES_OF_NOBODY) == 0
