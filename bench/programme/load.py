"""The load generator of the programme: `python -m bench.programme.load '{…}' FILE`, users of one kind."""

import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from bench.loop import Actor, ClosedLoop, run
from bench.programme.actors.entrants import Known, KnownWriter, Newcomer
from bench.programme.actors.strangers import FreshStranger, KeptStranger
from bench.programme.actors.visitors import Settler, Visitor
from bench.programme.actors.writers import FreshWriter, KeptWriter
from bench.programme.job import Job

KINDS: Mapping[str, Callable[[Job, int], Actor]] = {
    kind.__name__: kind
    for kind in (KeptWriter, FreshWriter, Known, KnownWriter, Newcomer, KeptStranger, FreshStranger, Visitor, Settler)
}


def main() -> None:
    job = Job(**json.loads(sys.argv[1]))
    users = [KINDS[job.kind](job, number) for number in range(job.users)]
    run(ClosedLoop(users, job, job.every), Path(sys.argv[2]))


if __name__ == "__main__":
    main()
