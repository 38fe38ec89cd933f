"""Numbers that begin at zero."""

import pytest

from shared.metrics.page import PAGE


@pytest.fixture(autouse=True)
def _fresh() -> None:
    PAGE.spread(1)
