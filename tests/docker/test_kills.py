"""kill -9 of every container's process from outside, under load: Docker brings it back, and nothing is lost."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from chatmail.services import SERVICES
from tests.docker.project import Project
from tests.faults.conftest import SETTINGS
from tests.faults.ledger import Verdict
from tests.faults.load import Load

CLEAN = Verdict(frozenset(), frozenset(), frozenset(), frozenset())
TARGETS = (*(service.name for service in SERVICES), "postgres", "redis")


@pytest.fixture(scope="module")
def project(images: str) -> Iterator[Project]:
    with Project(settings=SETTINGS) as running:
        yield running


@pytest.mark.parametrize(
    ("target", "is_init"), [*((target, False) for target in TARGETS), ("submission", True), ("postgres", True)]
)
def test_kill(project: Project, tmp_path: Path, target: str, is_init: bool) -> None:
    with Load(project, tmp_path, f"kills-{target}-{is_init}".lower()) as load:
        project.kill_one(target, is_init=is_init)
        load.wait_for_mail()
        assert load.finish() == CLEAN
        print(f"{load.accepted} messages accepted while {target} died")
