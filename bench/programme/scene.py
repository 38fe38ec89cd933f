"""A suite for one experiment, and one look at it under load."""

from collections.abc import Iterator
from contextlib import contextmanager

from bench import database
from bench.__main__ import SETTINGS
from bench.programme.job import Job
from bench.run import Observed, components, observe
from tests.suite import Suite


@contextmanager
def scene(**settings: str) -> Iterator[Suite]:
    """Run a suite whose limits are not what is measured, with further settings."""
    with Suite(settings={**SETTINGS, **settings}) as suite:
        database.count_calls(suite.owner_url)
        yield suite


def look(suite: Suite, job: Job) -> Observed:
    """Run the programme's load generator against a suite and measure both."""
    return observe(components(suite), job, suite.folder, "bench.programme.load")
