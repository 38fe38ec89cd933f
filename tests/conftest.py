"""Fixtures for every test, and the account of what was left out.

`database_urls` and `redis_url` give each test module a migrated database and an empty Redis of its own, on servers that
are started once.
"""

import os
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
import redis

from chatmail.embedded import postgres as embedded_postgres
from chatmail.embedded import valkey as embedded_valkey
from chatmail.embedded.postgres import Postgres
from chatmail.embedded.valkey import Valkey
from tests import elsewhere, servers
from tests.elsewhere import Elsewhere
from tests.suite import Suite

# What is quick and near the code comes first; a folder not named here comes after these.
ORDER = (
    *("unit", "architecture", "storage", "dialogs", "fuzz", "gate", "dkim", "spf"),
    *("e2e", "strangers", "deltachat", "browser"),
)
NEEDS = "needs: "


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Postgres]:
    """A running cluster whose database `chatmail` is migrated; it is the template of every other."""
    with servers.temporary_folder() as folder:
        server = Postgres(folder / "postgres", folder)
        with servers.running(server, embedded_postgres.STOP_SIGNAL):
            servers.migrate(server.url(), folder)
            yield server


@pytest.fixture(scope="module")
def database_urls(postgres_server: Postgres) -> Iterator[dict[str, str]]:
    """Postgres addresses by role (`postgres` is the owner) of a fresh database for this module."""
    with servers.fresh_database(postgres_server) as urls:
        yield urls


@pytest.fixture(scope="session")
def valkey_server() -> Iterator[Valkey]:
    """A running Valkey with the users of the suite."""
    with servers.temporary_folder() as folder:
        server = Valkey(folder, servers.all_users())
        with servers.running(server, embedded_valkey.STOP_SIGNAL):
            yield server


@pytest.fixture(scope="module")
def redis_urls(valkey_server: Valkey) -> Iterator[dict[str, str]]:
    """Redis addresses by user (`tests` may touch every key) of a server emptied after this module."""
    yield {user: valkey_server.url(user) for user in valkey_server.users}
    with redis.Redis.from_url(valkey_server.url("tests")) as client:
        for key in client.scan_iter():
            client.delete(key)


@pytest.fixture(scope="module")
def redis_url(redis_urls: dict[str, str]) -> str:
    """The Redis address of a user who may touch every key."""
    return redis_urls["tests"]


@pytest.fixture(scope="session")
def suite() -> Iterator[Suite | Elsewhere]:
    """A running suite with default settings, shared by all tests that leave it as it was; or what runs elsewhere."""
    if running_elsewhere := elsewhere.named():
        yield running_elsewhere
        return
    with Suite() as running:
        yield running


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the tests in the order of their folders."""
    items.sort(key=lambda item: _rank(item.path))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Where nothing may be left out, make a test that lacks its program a failure."""
    report = yield
    if report.skipped and os.environ.get("REQUIRE_ALL") == "1" and _lacking(report):
        report.outcome = "failed"
        report.longrepr = f"needs: {_lacking(report)}"
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Name the programs for want of which tests were left out."""
    lacking = [_lacking(report) for report in terminalreporter.getreports("skipped")]
    names = {name: lacking.count(name) for name in sorted(filter(None, lacking))}
    if names:
        terminalreporter.section("left out for want of a program")
        for name, number in names.items():
            terminalreporter.line(f"{name}: {number} tests (REQUIRE_ALL=1 makes this a failure)")


def _lacking(report: pytest.TestReport | pytest.CollectReport) -> str:
    """Return the program whose absence made a test be left out, or nothing."""
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else ""
    return reason.partition(NEEDS)[2] if NEEDS in reason else ""


def _rank(path: Path) -> int:
    folder = path.relative_to(Path(__file__).parent).parts[0]
    return ORDER.index(folder) if folder in ORDER else len(ORDER)
