"""What services say to one another through Redis: names and payloads, integers only.

Everything here may be lost at any time; Postgres is the truth. A name is never given another meaning: a new
meaning gets a new name, so that old and new replicas can work side by side during an upgrade.
"""

from dataclasses import dataclass

# The bell: one channel, one publication a committed batch, `mailbox:modseq` pairs joined by commas.
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


@dataclass(frozen=True, slots=True)
class Ring:
    """One stroke of the bell: something is new in a mailbox up to this modseq."""

    mailbox_id: int
    modseq: int


def write_rings(rings: list[tuple[int, int]]) -> bytes:
    """Return the payload for (mailbox id, modseq) pairs."""
    return b",".join(b"%d:%d" % ring for ring in rings)


def read_rings(payload: bytes) -> list[Ring]:
    """Return the rings of a payload; what is not one is left out, since a ring is only a hint."""
    rings = []
    for part in payload.split(b","):
        mailbox_id, colon, modseq = part.partition(b":")
        if colon and mailbox_id.isdigit() and modseq.isdigit() and len(part) < 40:
            rings.append(Ring(int(mailbox_id), int(modseq)))
    return rings
