"""MTA-STS between two suites: what one promises by its own page binds the other, against whoever forges the DNS."""

import json
import subprocess
import sys
from collections.abc import Iterator

import psycopg
import pytest

from tests.federation import PORTS, World
from tests.people import Person, newcomer
from tests.remote import Remote
from tests.suite import Suite, free_address

DOMAIN = "guarded.test"
PATIENCE = 60.0
WAITING = "SELECT coalesce(last_text, '') FROM chatmail.outbox WHERE attempts > 0 AND worker IS NULL"


@pytest.fixture
def impostor(world: World) -> Iterator[Remote]:
    """A mail server with a valid certificate for its own name, to which a forged MX record leads."""
    leaf, (smtp, https) = world.authority.issue("mx.impostor.test"), PORTS.values()
    with Remote(free_address(), leaf, port=smtp, https_port=https) as remote:
        world.dns.set("mx.impostor.test", "A", [remote.address])
        world.dns.set(DOMAIN, "MX", ["10 mx.impostor.test."], ttl=1)
        yield remote


def test_a_forged_exchanger_gets_nothing(world: World, here: Suite, there: Suite, impostor: Remote) -> None:
    publish_as_told(world, there)
    ann, zoe = newcomer(here), Person(there, f"zoe-of-guarded@{DOMAIN}", "a-long-password")
    for person in (ann, zoe):
        person.imap().logout()
    ann.send(zoe.address)
    here.wait(lambda: bool(rows(here, WAITING)), PATIENCE, "tried")
    assert rows(here, WAITING) == [("4.7.5 The domain's MTA-STS policy does not list this mail server",)]
    assert (impostor.connections, impostor.https_connections) == (0, 0), "not even the envelope is for it"
    ((policy,),) = rows(here, f"SELECT policy FROM chatmail.sts_policy WHERE domain = '{DOMAIN}'")
    assert b"mode: enforce" in bytes(policy)
    assert b"mx: there.test" in bytes(policy)
    world.dns.set(DOMAIN, "MX", ["10 there.test."])
    there.wait(lambda: len(zoe.inbox()) == 1, PATIENCE, "given what had waited")
    assert rows(here, "SELECT FROM chatmail.outbox") == []
    assert ann.inbox() == [], "no report: nothing failed"


def publish_as_told(world: World, suite: Suite) -> None:
    """Publish what `chatmail dns` says of MTA-STS, and where the page is."""
    command = [sys.executable, "-m", "chatmail", "dns", "--json", "--data", str(suite.folder / "data")]
    records = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    (promise,) = [record for record in records if record["name"] == f"_mta-sts.{DOMAIN}"]
    (page,) = [record for record in records if record["name"] == f"mta-sts.{DOMAIN}"]
    world.dns.set(promise["name"], "TXT", [f'"{promise["value"]}"'])
    world.dns.set(page["name"], page["kind"], [page["value"]])


def rows(suite: Suite, query: str) -> list[tuple[object, ...]]:
    with psycopg.connect(suite.owner_url) as owner:
        return owner.execute(query.encode()).fetchall()
