"""Addresses from the web service: asked for where registration is open or by token, and used at once.

All visitors together are given fifty a second and five hundred at once, whatever the machine can do; so where nothing
is hashed they come at a pace, and what counts is the CPU of each.
"""

import psycopg

from bench.loop import Timing
from bench.programme.case import Case, case
from bench.programme.job import Job
from bench.programme.scene import look, scene
from tests.suite import Suite

VISITORS = 16
A_SECOND = 80.0  # of those who come at a pace
TOKEN = "a-token-for-the-bench"
USES = 1_000_000


def run(timing: Timing) -> list[Case]:
    """Measure POST /new, the same with a token, and POST /new with the first login after it."""
    with scene() as suite:
        found = [
            case(f"open, {A_SECOND:.0f}/s", look(suite, _job(suite, "Visitor", timing, every=VISITORS / A_SECOND))),
        ]
    with scene() as suite:
        found.append(case("open, first login", look(suite, _job(suite, "Settler", timing))))
    with scene(MADDY_REGISTRATION="token") as suite:
        with psycopg.connect(suite.owner_url) as owner:
            owner.execute("INSERT INTO chatmail.token (token, uses) VALUES (%s, %s)", (TOKEN, USES))
        found.append(case("by token", look(suite, _job(suite, "Visitor", timing, secret=TOKEN))))
    return found


def _job(suite: Suite, kind: str, timing: Timing, *, every: float = 0.0, secret: str = "") -> Job:
    return Job(
        kind=kind,
        host=suite.address,
        port=suite.ports["port_https"],
        imaps=suite.ports["port_imaps"],
        domain=suite.domain,
        users=VISITORS,
        every=every,
        secret=secret,
        warm_up=timing.warm_up,
        seconds=timing.seconds,
    )
