"""The full cycle with one and with two processes a service (MADDY_WORKERS), at 64 users and in turns."""

from bench import accounts
from bench.loop import Timing
from bench.programme.case import Case, case
from bench.programme.job import SIZE, USERS
from bench.programme.scene import scene
from bench.run import Observed, components, job_for, observe, together
from tests.suite import Suite

NUMBER = 64
ROUNDS = 2


def run(timing: Timing) -> list[Case]:
    """Measure both, each in as many rounds as share the time of one case."""
    short = Timing(timing.warm_up, timing.seconds / ROUNDS)
    with scene() as one, scene(MADDY_WORKERS="2") as two:
        for suite in (one, two):
            accounts.make(suite.owner_url, suite.domain, USERS, NUMBER)
        rounds = [(_look(one, short), _look(two, short)) for _ in range(ROUNDS)]
    with_one, with_two = (together(seen) for seen in zip(*rounds, strict=True))
    return [case("1 process", with_one), case("2 processes", with_two)]


def _look(suite: Suite, timing: Timing) -> Observed:
    return observe(components(suite), job_for(suite, NUMBER, SIZE, timing), suite.folder)
