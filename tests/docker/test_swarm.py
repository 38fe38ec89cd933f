"""The stack on a swarm of one node: up by the commands of docs/scaling.md, it grows, and is replaced under load."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.docker.bystanders import Bystanders
from tests.docker.engine import docker, inspect
from tests.docker.figures import note
from tests.docker.scaled import newer_images
from tests.docker.swarm import OURS, Swarm
from tests.faults.conftest import SETTINGS
from tests.faults.ledger import Verdict
from tests.faults.load import Load
from tests.people import encrypted_letter, newcomer

pytestmark = pytest.mark.timeout(400)  # each begins by starting a whole suite, and so does its first test
CLEAN = Verdict(frozenset(), frozenset(), frozenset(), frozenset())
TWO = {"maddy_database_url", "maddy_redis_url"}
SECRETS = {
    **dict.fromkeys(OURS, TWO),
    "register": {*TWO, "maddy_inbound_database_url"},
    "postgres": {"password"},
    "redis": {"users.acl"},
    "resolver": set(),
    "edge": set(),
}


@pytest.fixture(scope="module")
def swarm(images: str) -> Iterator[Swarm]:
    with newer_images(), Swarm(settings=SETTINGS) as running:
        yield running


def test_the_page_gives_an_address_and_a_letter_goes_round(swarm: Swarm) -> None:
    alice, bob = newcomer(swarm), newcomer(swarm)
    assert bob.inbox() == [], "an address becomes an account at its first login"
    alice.send(bob.address, letter=encrypted_letter(alice.address, message_id="swarm@chat.test"))
    [letter] = bob.inbox()
    assert b"swarm@chat.test" in letter


def are_gone(swarm: Swarm, service: str, replicas: list[str]) -> bool:
    return not set(swarm.containers(service)) & set(replicas)


@pytest.mark.parametrize("service", SECRETS)
def test_a_service_is_given_its_own_secrets_and_no_other(swarm: Swarm, service: str) -> None:
    for container in swarm.containers(service):
        folder = docker("exec", "--user", "0", container, "sh", "-c", "ls /run/secrets 2>/dev/null || true")
        assert set(folder.split()) == SECRETS[service]


def test_replicas_come_and_go(swarm: Swarm) -> None:
    swarm.scale("imap", 3)
    assert len(swarm.containers("imap")) == 3
    swarm.scale("imap", 2)
    assert len(swarm.containers("imap")) == 2


def test_services_are_replaced_under_load(swarm: Swarm, tmp_path: Path) -> None:
    before = {service: swarm.containers(service) for service in ("imap", "submission")}
    with Load(swarm, tmp_path, "swarming") as load, Bystanders(swarm, tmp_path) as bystanders:
        for service in before:
            image = inspect(before[service][0])["Config"]["Image"].partition("@")[0].replace(":latest", ":newer")
            swarm.update(service, "--image", image, "--no-resolve-image", "--update-monitor", "1s")
        load.wait_for_mail()
        errors = bystanders.finish()
        assert load.finish() == CLEAN
    for service, replicas in before.items():
        # An old one may still be finishing what it had in hand.
        swarm.wait(partial(are_gone, swarm, service, replicas), 90, f"replaced: {service}")
        assert {inspect(one)["Config"]["Labels"].get("version") for one in swarm.containers(service)} == {"newer"}
    assert (bystanders.refused, errors) == ([], [])
    note("swarm: longest wait for a welcome while rolled", bystanders.gap, "s")
    note("swarm: longest a word took Delta Chat while rolled", bystanders.talk.longest, "s")
