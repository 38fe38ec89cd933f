"""Logins, each on a connection of its own with a whole TLS handshake: known passwords, unknown ones, and births."""

from bench import accounts
from bench.loop import Timing
from bench.programme.case import Case, case
from bench.programme.job import USERS, Job
from bench.programme.scene import look, scene
from tests.suite import Suite

CLIENTS = 16
A_SECOND = 200  # more than a machine proves passwords by argon2id on one service


def run(timing: Timing) -> list[Case]:
    """Measure logins whose password is known, then the first of accounts that are there, then of those that are not."""
    found = []
    with scene() as suite:
        for title, kind, door in (
            ("known, IMAP", "Known", "imaps"),
            ("known, submission", "KnownWriter", "submissions"),
        ):
            found.append(case(title, look(suite, _job(suite, kind, door, timing))))
    with scene() as suite:
        count = int((timing.warm_up + timing.seconds) * A_SECOND)
        accounts.make(suite.owner_url, suite.domain, USERS, count, has_real_hash=True)
        found.append(case("first login", look(suite, _job(suite, "Newcomer", "imaps", timing))))
    with scene() as suite:
        found.append(case("birth", look(suite, _job(suite, "Newcomer", "imaps", timing))))
    return found


def _job(suite: Suite, kind: str, door: str, timing: Timing) -> Job:
    return Job(
        kind=kind,
        host=suite.address,
        port=suite.ports[f"port_{door}"],
        domain=suite.domain,
        users=CLIENTS,
        warm_up=timing.warm_up,
        seconds=timing.seconds,
    )
