"""The shared page: workers count each for itself, and any of them can tell the sum."""

import os
from collections.abc import Callable

import pytest

from shared.metrics import catalog
from shared.metrics.page import CELLS, PAGE


def in_worker(number: int, act: Callable[[], object]) -> None:
    """Do something in a forked process that is the worker of this number."""
    child = os.fork()
    if not child:
        status = 1
        try:
            PAGE.take(number)
            act()
            status = 0
        finally:
            os._exit(status)
    assert os.waitpid(child, 0)[1] == 0


def test_what_forked_workers_count_is_added_up() -> None:
    PAGE.spread(3)
    for number in range(3):
        in_worker(number, lambda by=number: catalog.MESSAGES.count(by=10.0**by))  # type: ignore[misc]
    assert catalog.MESSAGES.total() == {"": 111.0}
    assert len(PAGE.pids) == 3


def test_a_worker_sees_what_others_count_after_the_fork() -> None:
    PAGE.spread(2)
    PAGE.take(0)
    in_worker(1, catalog.MESSAGES.count)
    catalog.MESSAGES.count()
    assert catalog.MESSAGES.total()[""] == 2.0
    assert catalog.MESSAGES.here() == 1.0


def test_rows_that_nobody_has_taken_do_not_count() -> None:
    PAGE.spread(3)
    PAGE.take(0)
    catalog.POSTGRES.set(1.0)
    assert catalog.POSTGRES.total() == 1.0
    in_worker(2, lambda: catalog.POSTGRES.set(0.0))
    assert catalog.POSTGRES.total() == 0.0, "one worker without a database is a service that is not well"


def test_there_are_no_more_cells_than_a_row_has() -> None:
    with pytest.raises(ValueError, match="cells"):
        type(PAGE)().reserve(CELLS)
