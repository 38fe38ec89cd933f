"""From a device's token over IMAP to the push service's doorstep: once for new mail, never for one's own."""

from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest

from tests.people import Person, newcomer
from tests.push_service import PushService, set_token
from tests.suite import Suite

PATIENCE = 30.0
GONE, AGAIN = b"openpgp:gone=", b"openpgp:again="


@pytest.fixture(scope="module")
def service() -> Iterator[PushService]:
    with PushService() as service:
        yield service


@pytest.fixture(scope="module")
def suite(service: PushService) -> Iterator[Suite]:
    with Suite(settings={"MADDY_PUSH_URL": service.url, "MADDY_SWEEP_SECONDS": "0.2"}) as suite:
        yield suite


@pytest.fixture
def owner(suite: Suite) -> Iterator[psycopg.Connection[tuple[Any, ...]]]:
    with psycopg.connect(suite.owner_url, autocommit=True) as connection:
        yield connection


Owner = psycopg.Connection[tuple[Any, ...]]


def tokens(person: Person) -> bytes:
    client = person.imap()
    client.xatom("GETMETADATA", "INBOX", "/private/devicetoken")
    _, found = client.response("METADATA")
    client.logout()
    return bytes(found[0])


def is_quiet(owner: Owner) -> bool:
    """Say whether nobody is to be told, nor being told."""
    row = owner.execute(
        b"SELECT (SELECT count(*) FROM chatmail.push_due)"
        b" + (SELECT count(*) FROM chatmail.push_token WHERE next_at IS NOT NULL)"
    ).fetchone()
    return row == (0,)


def has_failed_once(owner: Owner) -> bool:
    return owner.execute(b"SELECT FROM chatmail.push_token WHERE attempts = 1").fetchone() is not None


def test_push_is_announced(suite: Suite) -> None:
    client = newcomer(suite).imap()
    assert "XDELTAPUSH" in client.capabilities
    client.xatom("GETMETADATA", '""', "/shared/vendor/deltachat/maxsmtprecipients")
    assert client.response("METADATA")[1] == [b'"" (/shared/vendor/deltachat/maxsmtprecipients "1000")']
    client.logout()


def test_new_mail_is_told_once_and_ones_own_is_not(suite: Suite, service: PushService, owner: Owner) -> None:
    ann, bob = newcomer(suite), newcomer(suite)
    ann.imap().logout()
    set_token(bob, "openpgp:bob+phone=")
    set_token(bob, "openpgp:bob+tablet=")
    set_token(ann, "openpgp:ann=")
    bob.send(bob.address)
    _wait(suite, lambda: is_quiet(owner), "quiet")
    assert [token for token in service.told if b"bob" in token] == []
    ann.send(bob.address, ann.address)
    _wait(suite, lambda: len(service.told) >= 2 and is_quiet(owner), "told")
    assert sorted(service.told) == [b"openpgp:bob+phone=", b"openpgp:bob+tablet="]
    assert service.fields == {"Host", "Content-Length"}
    assert tokens(bob) == b'"INBOX" (/private/devicetoken "openpgp:bob+phone= openpgp:bob+tablet=")'


def test_a_device_that_is_gone_is_forgotten(suite: Suite, service: PushService, owner: Owner) -> None:
    ann, bob = newcomer(suite), newcomer(suite)
    set_token(bob, GONE.decode())
    service.answers[GONE] = 410
    ann.send(bob.address)
    _wait(suite, lambda: GONE in service.told and is_quiet(owner), "told")
    assert tokens(bob) == b'"INBOX" (/private/devicetoken NIL)'
    ann.send(bob.address)
    _wait(suite, lambda: is_quiet(owner), "quiet")
    assert service.told.count(GONE) == 1


def test_a_push_service_in_trouble_is_told_again(suite: Suite, service: PushService, owner: Owner) -> None:
    ann, bob = newcomer(suite), newcomer(suite)
    set_token(bob, AGAIN.decode())
    service.answers[AGAIN] = 500
    ann.send(bob.address)
    _wait(suite, lambda: has_failed_once(owner), "refused")
    ann.send(bob.address)  # what waits is not told twice for it
    _wait(suite, lambda: owner.execute(b"SELECT FROM chatmail.push_due").fetchone() is None, "noted")
    del service.answers[AGAIN]
    owner.execute(b"UPDATE chatmail.push_token SET next_at = now() WHERE attempts = 1")  # eight seconds later
    _wait(suite, lambda: service.told.count(AGAIN) > 1 and is_quiet(owner), "told again")
    assert service.told.count(AGAIN) == 2


def test_no_token_is_logged(suite: Suite, service: PushService) -> None:
    assert service.told
    printed = suite.output().encode()
    assert not [token for token in service.told if token in printed]


def _wait(suite: Suite, is_so: Callable[[], bool], what: str) -> None:
    suite.wait(is_so, PATIENCE, what)
