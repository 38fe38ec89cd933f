"""A suite for each module, which breaks and mends it, and a user for each test.

The load comes from one address and writes faster than people do, so the limits are raised.
"""

from collections.abc import Iterator
from itertools import count

import pytest

from tests.suite import Suite

SETTINGS = {
    "MADDY_SEND_PER_MINUTE": "1000000",
    "MADDY_SEND_BURST": "1000000",
    "MADDY_SOURCE_RATE": "100000",
    "MADDY_SOURCE_CONNECTIONS": "100000",
    "MADDY_MIN_FREE_DISK": "0",
}


_numbers = count(1)


@pytest.fixture(scope="module")
def suite() -> Iterator[Suite]:
    with Suite(settings=SETTINGS) as running:
        yield running


@pytest.fixture
def user() -> str:
    """A user name nobody else has."""
    return f"faults-{next(_numbers):03}"
