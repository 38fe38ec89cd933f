"""One suite without the gate at APPEND, for clients that store cleartext; its words beside every failure."""

import ssl
from collections.abc import Generator, Iterator
from itertools import count
from pathlib import Path

import pytest

from tests.people import Person
from tests.suite import Suite

DOMAIN = "clients.test"
_numbers = count(1)
_LINES = 40  # of the suite's log, the last ones
_running: list[Suite] = []


@pytest.fixture(scope="session")
def open_suite() -> Iterator[Suite]:
    """A suite whose addresses are `somebody@clients.test`: a name, since few clients quote an address in brackets."""
    with Suite(settings={"MADDY_GATE_APPEND": "off", "MADDY_DOMAIN": DOMAIN}) as suite:
        _running.append(suite)
        yield suite
        _running.clear()


@pytest.fixture
def ann(open_suite: Suite) -> Person:
    """Somebody new, with an empty INBOX."""
    ann = Person(open_suite, f"annabell{next(_numbers)}@{DOMAIN}", "a-long-password")
    ann.imap().logout()  # the first login makes the account
    return ann


@pytest.fixture
def certificate(open_suite: Suite, tmp_path: Path) -> Path:
    """A file with the suite's certificate, which a client takes for good because it is that very one."""
    pem = ssl.get_server_certificate((open_suite.address, open_suite.ports["port_imaps"]))
    path = tmp_path / "certificate.pem"
    path.write_text(pem)
    return path


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add the suite's log to what is said of a failure."""
    report = yield
    if report.failed:
        report.sections += [("suite", _last_words(suite)) for suite in _running]
    return report


def _last_words(suite: Suite) -> str:
    """Return the end of a suite's log, without the picture."""
    return "\n".join([line for line in suite.output().splitlines() if "█" not in line][-_LINES:])
