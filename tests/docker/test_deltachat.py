"""Delta Chat talks through the containers, seen from a container on their network."""

import re

from tests.docker.deltachat import play
from tests.docker.project import Project
from tests.docker.single import Single


def test_through_the_services(project: Project) -> None:
    assert re.search(r"\b1\d passed", play(project.edge, project.address))


def test_through_the_one_container(single: Single) -> None:
    assert re.search(r"\b1\d passed", play(single.network, single.address))
