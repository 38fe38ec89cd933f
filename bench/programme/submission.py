"""Submission alone: each user writes to itself and nobody reads, over kept connections and over new ones."""

from bench.loop import Timing
from bench.programme.case import Case, case
from bench.programme.job import Job
from bench.programme.scene import look, scene

CASES = (("KeptWriter", "kept", 16), ("KeptWriter", "kept", 64), ("FreshWriter", "fresh", 16))


def run(timing: Timing) -> list[Case]:
    """Measure each kind of connection; a new one pays for TLS, EHLO, AUTH and QUIT as well."""
    found = []
    for kind, word, users in CASES:
        with scene() as suite:
            job = Job(
                kind=kind,
                host=suite.address,
                port=suite.ports["port_submissions"],
                domain=suite.domain,
                users=users,
                warm_up=timing.warm_up,
                seconds=timing.seconds,
            )
            found.append(case(f"{users} {word}", look(suite, job)))
    return found
