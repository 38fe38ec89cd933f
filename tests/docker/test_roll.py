"""Every service is replaced by another version, and some replicas go, while a load and a conversation run.

Nothing accepted is lost, doubled or from nowhere, no connection is refused, and no word fails for who said it.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docker.bystanders import Bystanders
from tests.docker.engine import inspect
from tests.docker.figures import note
from tests.docker.scaled import REPLICAS, Scaled, newer_images
from tests.faults.conftest import SETTINGS
from tests.faults.ledger import Verdict
from tests.faults.load import Load

pytestmark = pytest.mark.timeout(400)  # each begins by starting a whole suite, and so does its first test
CLEAN = Verdict(frozenset(), frozenset(), frozenset(), frozenset())
ORDER = ("smtp-in", "submission", "imap", "queue-worker", "register")


@pytest.fixture(scope="module")
def scaled(images: str) -> Iterator[Scaled]:
    with newer_images(), Scaled(settings=SETTINGS) as running:
        yield running


def test_roll_every_service(scaled: Scaled, tmp_path: Path) -> None:
    before = {service: scaled.containers(service) for service in ORDER}
    with Load(scaled, tmp_path, "rolling") as load, Bystanders(scaled, tmp_path) as bystanders:
        scaled.roll(*ORDER)
        load.wait_for_mail()
        errors = bystanders.finish()
        assert load.finish() == CLEAN
    for service, replicas in before.items():
        found = scaled.containers(service)
        assert len(found) == len(replicas) == REPLICAS[service]
        assert not set(found) & set(replicas)
        assert {inspect(replica)["Config"]["Labels"].get("version") for replica in found} == {"newer"}
    assert bystanders.refused == []
    assert errors == []
    note("roll: connections refused", len(bystanders.refused), f"of {sum(k.times for k in bystanders.knockers)}")
    note("roll: longest wait for a welcome", bystanders.gap, "s")
    note("roll: longest a word took Delta Chat", bystanders.talk.longest, "s")
    note("roll: messages accepted meanwhile", load.accepted, "")


def test_fewer_replicas(scaled: Scaled, tmp_path: Path) -> None:
    with Load(scaled, tmp_path, "fewer-of-them") as load, Bystanders(scaled, tmp_path) as bystanders:
        scaled.scale(**dict.fromkeys(REPLICAS, 1))
        load.wait_for_mail()
        errors = bystanders.finish()
        assert load.finish() == CLEAN
    assert {len(scaled.containers(service)) for service in REPLICAS} == {1}
    assert (bystanders.refused, errors) == ([], [])


def test_postgres_and_redis_start_anew(scaled: Scaled, tmp_path: Path) -> None:
    with Load(scaled, tmp_path, "restarted") as load:
        for server in ("postgres", "redis"):
            scaled.compose("restart", server)
            load.wait_for_mail()
        assert load.finish() == CLEAN
    said = scaled.compose("logs", "--no-log-prefix", "postgres")
    assert "received fast shutdown request" in said
    assert "not properly shut down" not in said
