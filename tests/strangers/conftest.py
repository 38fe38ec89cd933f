"""The strangers, once for all tests here, and their words beside every failure."""

from collections.abc import Generator, Iterator

import pytest

from tests.people import Person
from tests.strangers.program import needs_root
from tests.strangers.world import HERE, Strangers

_LINES = 60  # of each log, the last ones
_running: list[Strangers] = []


@pytest.fixture(scope="session")
def strangers() -> Iterator[Strangers]:
    """The world with everything in it running."""
    needs_root()
    with Strangers() as world:
        _running.append(world)
        yield world
        _running.clear()


@pytest.fixture(scope="session")
def ann(strangers: Strangers) -> Person:
    """Somebody on the suite."""
    ann = Person(strangers.here, f"annabell1@{HERE}", "a-long-password")
    ann.imap().logout()  # the first login makes the account
    return ann


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add the logs to what is said of a failure."""
    report = yield
    if report.failed:
        logs = [log for world in _running for log in world.logs().items()]
        report.sections += [(name, "\n".join(text.splitlines()[-_LINES:])) for name, text in logs]
    return report
