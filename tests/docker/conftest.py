"""The images, built once, and one project that all tests share which leave it as it was.

Every test here needs Docker, and root: see engine.py.
"""

import os
from collections.abc import Iterator

import pytest

from tests.docker import engine
from tests.docker.figures import FIGURES
from tests.docker.project import Project
from tests.docker.single import Single
from tests.needs import needs


@pytest.fixture(scope="session")
def images() -> Iterator[str]:
    """Build the images and return what their names begin with; in the end nothing but them may be left."""
    needs("docker")
    if os.geteuid():
        needs("root")
    engine.build()
    yield engine.IMAGE
    assert engine.left_behind() == []


@pytest.fixture(scope="session")
def project(images: str) -> Iterator[Project]:
    """A project that is also known by its address, as cmping wants it."""
    fresh = Project()
    fresh.settings["MADDY_LOCAL_DOMAINS"] = f"[{fresh.address}]"
    fresh.write_settings()
    with fresh as running:
        yield running


@pytest.fixture(scope="session")
def single(images: str) -> Iterator[Single]:
    """The all-in-one container, likewise."""
    fresh = Single()
    fresh.settings["MADDY_LOCAL_DOMAINS"] = f"[{fresh.address}]"
    with fresh as running:
        yield running


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what was measured."""
    if FIGURES:
        terminalreporter.section("figures of the containers")
        for name, value in sorted(FIGURES.items()):
            terminalreporter.line(f"{name:<50} {value:>12}")
