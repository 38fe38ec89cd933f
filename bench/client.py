"""The load generator of `make bench`: `python -m bench.client '{…}' FILE`, users who write to themselves."""

import json
import sys
from dataclasses import dataclass
from pathlib import Path

from bench.loop import ClosedLoop, Load, run
from bench.user import Door, User

SOURCES = 8  # accounts are born fast only where not all come from one address


@dataclass(frozen=True, slots=True)
class Job(Load):
    """What to do: messages of `size` octets."""

    host: str
    submissions: int
    imaps: int
    domain: str
    size: int
    is_pipelining: bool


def source(host: str, number: int) -> str:
    """Return the address from which a user comes: one of a few in the server's own network."""
    return f"{host.rpartition('.')[0]}.{1 + number % SOURCES}"


def _user(job: Job, number: int) -> User:
    door = Door(job.host, job.submissions, job.imaps, source(job.host, number))
    return User(f"bench{number:05}@{job.domain}", door, job.size, is_pipelining=job.is_pipelining)


def main() -> None:
    job = Job(**json.loads(sys.argv[1]))
    run(ClosedLoop([_user(job, number) for number in range(job.users)], job), Path(sys.argv[2]))


if __name__ == "__main__":
    main()
