"""The embedded Valkey: nobody without a password, everybody only at their own keys, nothing on disk."""

import pytest
import redis
from redis.exceptions import AuthenticationError, NoPermissionError

from chatmail.embedded.valkey import Valkey

ALLOWED = [
    ("imap", "PUBLISH", "bell:1", "x"),
    ("submission", "SET", "login:1", "x"),
    ("submission", "SET", "pace:1", "x"),
    ("submission", "LPUSH", "rq:queue:outbox", "1"),
    ("queue_worker", "INFO", "server"),
    ("queue_worker", "EVAL", "return 1", "1", "rq:x"),
]
REFUSED = [
    ("imap", "GET", "rq:queue:outbox"),
    ("imap", "SET", "pace:1", "x"),
    ("imap", "PUBLISH", "other", "x"),
    ("register", "GET", "pace:1"),
    ("queue_worker", "GET", "login:1"),
    ("submission", "GET", "anything"),
    ("submission", "EVAL", "return redis.call('GET', KEYS[1])", "1", "anything"),
    ("queue_worker", "FLUSHALL"),
    ("queue_worker", "CONFIG", "GET", "*"),
    ("queue_worker", "KEYS", "*"),
    ("queue_worker", "ACL", "LIST"),
    ("operator", "SHUTDOWN"),
    ("operator", "REPLICAOF", "NO", "ONE"),
]


def words(row: tuple[str, ...]) -> str:
    return " ".join(row)


@pytest.mark.parametrize("row", ALLOWED, ids=words)
def test_what_a_service_needs_is_allowed(redis_urls: dict[str, str], row: tuple[str, ...]) -> None:
    user, *command = row
    with redis.Redis.from_url(redis_urls[user]) as client:
        client.execute_command(*command)


@pytest.mark.parametrize("row", REFUSED, ids=words)
def test_anything_else_is_refused(redis_urls: dict[str, str], row: tuple[str, ...]) -> None:
    user, *command = row
    with (
        redis.Redis.from_url(redis_urls[user]) as client,
        pytest.raises((NoPermissionError, redis.ResponseError), match=r"permission|NOPERM|ACL"),
    ):
        client.execute_command(*command)


def test_the_bell_is_heard(redis_urls: dict[str, str]) -> None:
    with (
        redis.Redis.from_url(redis_urls["imap"]) as ear,
        redis.Redis.from_url(redis_urls["submission"]) as hand,
        ear.pubsub() as listening,
    ):
        listening.subscribe("bell:1")
        assert listening.get_message(timeout=5)
        assert hand.publish("bell:1", "7 1") == 1


def test_nobody_enters_without_a_password(valkey_server: Valkey) -> None:
    with redis.Redis(unix_socket_path=str(valkey_server.socket)) as client, pytest.raises(AuthenticationError):
        client.ping()
    assert valkey_server.is_ready()


def test_the_file_holds_no_password(valkey_server: Valkey) -> None:
    text = (valkey_server.run / "valkey.acl").read_text()
    assert not [user for user, password in valkey_server.passwords.items() if password in text]


def test_nothing_is_saved(valkey_server: Valkey, redis_url: str) -> None:
    with redis.Redis.from_url(redis_url) as client:
        client.set("login:1", "x")
    left = {path.name for path in valkey_server.run.iterdir()}
    assert left == {"valkey.acl", "valkey.conf", "valkey.sock"}
