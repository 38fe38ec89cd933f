"""Addresses beside the plain one: tags, aliases, and further domains, reached from another server."""

import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from tests.dkim.oracle import dkimpy_holds
from tests.faults import reports
from tests.federation import PORTS, World
from tests.people import Person, encrypted_letter, newcomer
from tests.remote import Remote
from tests.suite import Suite, free_address

PATIENCE = 60.0
SECOND = "second.test"


@pytest.fixture(scope="module")
def ann(here: Suite) -> Person:
    return born(newcomer(here))


@pytest.fixture(scope="module")
def zoe(there: Suite) -> Person:
    return born(newcomer(there))


@pytest.fixture(scope="module")
def stranger(world: World) -> Iterator[Remote]:
    """The mail server of `strange.test`, which has no door for chatmail."""
    with Remote(free_address(), world.authority.issue("mx.strange.test"), port=PORTS["port_smtp"]) as remote:
        remote.at("GET", (404, ""))
        world.dns.set("strange.test", "MX", ["10 mx.strange.test."])
        world.dns.set("mx.strange.test", "A", [remote.address])
        yield remote


def born(person: Person) -> Person:
    """Log in for the first time."""
    person.imap().logout()
    return person


def chatmail(suite: Suite, *words: str) -> Any:
    command = [sys.executable, "-m", "chatmail", *words, "--json", "--data", str(suite.folder / "data")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def write(sender: Person, recipient: str, subject: str) -> None:
    """Send a letter that can be told from others: the subject is hidden on its way, the Message-ID is not."""
    sender.send(recipient, letter=encrypted_letter(sender.address, message_id=f"{subject}@x.test"))


def receive(recipient: Person, subject: str) -> bytes:
    """Wait for a letter."""
    found: list[bytes] = []

    def has_come() -> bool:
        found[:] = [letter for letter in recipient.inbox() if f"<{subject}@x.test>".encode() in letter]
        return bool(found)

    recipient.suite.wait(has_come, PATIENCE, f"given {subject}")
    (letter,) = found
    return letter


def test_a_tag_is_the_account_itself(ann: Person, zoe: Person) -> None:
    name, _, domain = ann.address.partition("@")
    write(zoe, f"{name}+shop@{domain}", "tag")
    receive(ann, "tag")


def test_an_alias_is_its_account_until_it_is_removed(here: Suite, ann: Person, zoe: Person) -> None:
    chatmail(here, "alias", "add", "team@here.test", ann.address)
    write(zoe, "team@here.test", "alias")
    write(zoe, "team+all@here.test", "alias-with-tag")
    receive(ann, "alias")
    receive(ann, "alias-with-tag")
    chatmail(here, "alias", "remove", "team@here.test")
    assert failed(zoe, "team@here.test", "late-alias") == "5.1.1"


def test_postmaster_is_nobody_until_there_is_an_alias(here: Suite, ann: Person, zoe: Person) -> None:
    assert failed(zoe, "postmaster@here.test", "early") == "5.1.1"
    chatmail(here, "alias", "add", "postmaster", ann.address)
    for domain in ("here.test", SECOND):
        write(zoe, f"postmaster@{domain}", f"to-{domain}")
        receive(ann, f"to-{domain}")


def failed(sender: Person, recipient: str, subject: str) -> str:
    """Send a letter and return the status in the report of its failure."""
    write(sender, recipient, subject)
    found: list[str] = []

    def is_told() -> bool:
        found[:] = [one.status for one in reports.read(sender.inbox()) if one.about == subject]
        return bool(found)

    sender.suite.wait(is_told, PATIENCE, f"told of {subject}")
    (status,) = found
    return status


@pytest.mark.parametrize("way", ["invented", "by the page"])
def test_a_further_domain_has_people_of_its_own(here: Suite, zoe: Person, way: str) -> None:
    person = newcomer(here, SECOND) if way == "by the page" else Person(here, f"invented1@{SECOND}", "a-long-password")
    name, _, domain = person.address.partition("@")
    assert domain == SECOND
    born(person)
    write(person, zoe.address, f"from-{name}")
    assert f"From: <{person.address}>".encode() in receive(zoe, f"from-{name}")
    write(zoe, person.address, f"to-{name}")
    receive(person, f"to-{name}")
    assert failed(zoe, f"{name}@here.test", f"namesake-of-{name}") == "5.1.1"


def test_neighbours_on_two_domains_need_no_other_server(here: Suite, ann: Person) -> None:
    bea = born(newcomer(here, SECOND))
    write(ann, bea.address, "over-the-fence")
    write(bea, ann.address, "and-back")
    receive(bea, "over-the-fence")
    receive(ann, "and-back")
    with psycopg.connect(here.owner_url) as owner:
        assert owner.execute(
            "SELECT count(*) FROM chatmail.destination WHERE domain IN ('here.test', 'second.test')"
        ).fetchone() == (0,)


@pytest.mark.parametrize("domain", ["here.test", SECOND])
def test_each_domain_signs_with_keys_of_its_own(here: Suite, stranger: Remote, domain: str) -> None:
    stranger.forget()
    stranger.at("GET", (404, ""))
    born(writer := newcomer(here, domain))
    write(writer, "somebody@strange.test", f"signed-by-{domain}")
    here.wait(lambda: bool(stranger.letters), PATIENCE, "sent")
    (letter,) = stranger.letters
    signatures = letter.octets.lower().count(b"dkim-signature:")
    assert letter.octets.count(f"d={domain};".encode()) == signatures == 2
    with psycopg.connect(here.owner_url) as owner:
        keys = owner.execute("SELECT selector, record FROM chatmail.dkim_key WHERE domain = %s", (domain,)).fetchall()
    records = {f"{selector}._domainkey.{domain}": record.encode() for selector, record in keys}
    assert all(dkimpy_holds(letter.octets, records, index) for index in range(signatures))
