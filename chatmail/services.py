"""The table of services: one row a service, read by everything that starts, asks or describes them (design §2).

`chatmail up` starts from it; a test holds it against the packages, the database roles and the READMEs.
"""

from dataclasses import dataclass
from typing import Literal

Question = Literal["EHLO", "CAPABILITY", "GET /health", "event"]

BELL = "&bell*"
PACE = "~pace:*"
LOGIN = "~login:*"
JOBS = "~rq:*"
PRESENCE = "~presence:*"
SCRIPTS = "+eval +evalsha +script|load"  # the pace is counted by one, and rq has some


@dataclass(frozen=True, slots=True)
class Service:
    """One service: its folder's name, its doors by settings name (the plain one first), and how to ask if it is ready.

    `question` is put to the first door; `event` asks nothing and waits for the word `ready` in the service's log,
    since a worker has no door. `redis` are the key and channel patterns its Redis user may touch, and the commands it
    may give beyond those of all.
    """

    name: str
    ports: tuple[str, ...]
    question: Question
    redis: tuple[str, ...]

    @property
    def module(self) -> str:
        """The import package, run with `python -m`."""
        return self.name.replace("-", "_")

    @property
    def main(self) -> str:
        """The module whose `main` that is."""
        return f"{self.module}.__main__"

    @property
    def role(self) -> str:
        """The Postgres role and the Redis user."""
        return self.module


SERVICES = (
    Service("smtp-in", ("port_smtp",), "EHLO", (BELL, JOBS, PRESENCE)),
    Service(
        "submission", ("port_submission", "port_submissions"), "EHLO", (BELL, PACE, LOGIN, JOBS, PRESENCE, SCRIPTS)
    ),
    Service("imap", ("port_imap", "port_imaps"), "CAPABILITY", (BELL, LOGIN, PRESENCE)),
    Service("queue-worker", (), "event", (BELL, JOBS, PRESENCE, SCRIPTS)),
    Service("register", ("port_http", "port_https"), "GET /health", (BELL, JOBS, PRESENCE)),
)

OPERATOR = "operator"
OPERATOR_REDIS = (JOBS, PRESENCE)

PORTS = tuple(port for service in SERVICES for port in service.ports)


def redis_users() -> dict[str, tuple[str, ...]]:
    """Return every Redis user with what it may touch."""
    return {**{service.role: service.redis for service in SERVICES}, OPERATOR: OPERATOR_REDIS}
