"""Two suites that exchange mail, shared by the tests that leave them as they were."""

from collections.abc import Iterator

import pytest

from tests.federation import World
from tests.suite import Suite

EAGER = {"MADDY_SEND_PER_MINUTE": "6000", "MADDY_SEND_BURST": "1000"}  # tests write faster than people do


@pytest.fixture(scope="session")
def world() -> Iterator[World]:
    with World() as world:
        yield world


@pytest.fixture(scope="session")
def here(world: World) -> Suite:
    """`here.test` and `second.test`."""
    return world.suite("here.test", {**EAGER, "MADDY_LOCAL_DOMAINS": "second.test"})


@pytest.fixture(scope="session")
def there(world: World) -> Suite:
    """`there.test` and `guarded.test`."""
    return world.suite("there.test", {**EAGER, "MADDY_LOCAL_DOMAINS": "guarded.test"})
