"""One message to 1, 10 and 50 people here, each sender with a circle of its own; nobody listens."""

from bench import accounts
from bench.loop import Timing
from bench.programme.case import Case, case
from bench.programme.job import READERS, Job
from bench.programme.scene import look, scene

SENDERS = 16
RECIPIENTS = (1, 10, 50)


def run(timing: Timing) -> list[Case]:
    """Measure each size of a circle; the goal is Postgres's CPU a recipient."""
    with scene() as suite:
        accounts.make(suite.owner_url, suite.domain, READERS, SENDERS * max(RECIPIENTS))
        found = []
        for recipients in RECIPIENTS:
            job = Job(
                kind="KeptWriter",
                host=suite.address,
                port=suite.ports["port_submissions"],
                domain=suite.domain,
                users=SENDERS,
                recipients=recipients,
                warm_up=timing.warm_up,
                seconds=timing.seconds,
            )
            seen = look(suite, job)
            each = {
                f"{name}, µs a recipient": used / seen.cycles / recipients * 1e6
                for name, used in (("Postgres", seen.cpu["postgres"]), ("all servers", seen.server_cpu))
            }
            found.append(case(f"to {recipients}", seen, each))
    return found
