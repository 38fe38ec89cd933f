"""What services say to one another through Redis: names and payloads, integers only.

Everything here may be lost at any time; Postgres is the truth. A name is never given another meaning: a new
meaning gets a new name, so that old and new replicas can work side by side during an upgrade.
"""

from collections.abc import Iterable
from typing import NamedTuple

# The bell: one channel, one publication a committed batch, strokes joined by commas: `mailbox:modseq`, and before
# it, where it is a message that came, `mailbox:modseq:uid:at`, which versions that do not know it leave out.
BELL = "bell"

# Keys, each with a time to live.
PACE = "pace:"  # + account id: send pace, shared by all replicas
PACE_ELSEWHERE = "pace:there:"  # + account id: the pace of its recipients at other servers
LOGIN = "login:"  # + account id: keyed hash of the password verified last
WAKE = "rq:wake:"  # + job:number: such a job waits already, a second one would find nothing to do
PRESENCE = "presence:"  # + service:process: JSON of a few numbers; present means alive

# RQ: one queue, jobs that carry one integer and return at once.
QUEUE = "chatmail"
TRIM = "queue_worker.jobs.trim"  # (mailbox id): its account is nearly full
DELIVER = "queue_worker.jobs.deliver"  # (destination id): mail waits for it
PUSH = "queue_worker.jobs.push"  # (0): somebody's devices are to be told

JOBS = frozenset({TRIM, DELIVER, PUSH})

MAX_STROKE = 80  # octets


class Ring(NamedTuple):
    """One stroke of the bell: something is new in a mailbox up to this modseq."""

    mailbox_id: int
    modseq: int


class Arrival(NamedTuple):
    """One stroke that says more: this modseq is that of a message that came, and has no flags; `at`: ms since 1970."""

    mailbox_id: int
    modseq: int
    uid: int
    at: int


def write(rings: Iterable[tuple[int, int]], arrivals: Iterable[tuple[int, int, int, int]] = ()) -> bytes:
    """Return the payload for strokes; for an arrival, its ring is to be among the rings."""
    return b",".join([*(b"%d:%d:%d:%d" % one for one in arrivals), *(b"%d:%d" % one for one in rings)])


def read(payload: bytes) -> tuple[list[Ring], list[Arrival]]:
    """Return the strokes of a payload; what is none is left out, since a stroke is only a hint."""
    rings, arrivals = list[Ring](), list[Arrival]()
    for part in payload.split(b","):
        numbers = part.split(b":")
        if len(part) > MAX_STROKE or not all(number.isdigit() for number in numbers):
            continue
        if len(numbers) == 2:
            rings.append(Ring(int(numbers[0]), int(numbers[1])))
        elif len(numbers) == 4:
            arrivals.append(Arrival(*map(int, numbers)))
    return rings, arrivals
