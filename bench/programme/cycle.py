"""The full cycle of `make bench`, by the number of users and by the size of a message.

Under TLS only: neither door lets anybody log in in the clear, so that there is nothing plain to measure.
"""

from dataclasses import replace

from bench import accounts
from bench.loop import Timing
from bench.programme.case import Case, case
from bench.programme.job import SIZE, USERS
from bench.programme.scene import scene
from bench.run import Figures, job_for, measure

NUMBERS = (1, 16, 64, 256)
SIZES, SIZES_USERS = {"4 KB": 4096, "64 KB": 65_536, "1 MB": 1_048_576}, 16


def run(timing: Timing) -> list[Case]:
    """Measure each number of users, then each size."""
    kinds = [("user" if users == 1 else "users", users, SIZE) for users in NUMBERS]
    kinds += [(f"users, {word}", SIZES_USERS, size) for word, size in SIZES.items()]
    with scene() as suite:
        accounts.make(suite.owner_url, suite.domain, USERS, max(NUMBERS))
        return [
            _case(f"{users} {rest}", measure(suite, job_for(suite, users, size, timing))) for rest, users, size in kinds
        ]


def _case(title: str, seen: Figures) -> Case:
    pairs = zip(seen.latencies["readable"], seen.latencies["accepted"], strict=True)
    after = [readable - accepted for readable, accepted in pairs]
    batches = {f"{name}: messages a batch": number for name, number in seen.batches.items()}
    latencies = {"accepted": seen.latencies["accepted"], "accepted to readable": after, "done": seen.latencies["done"]}
    return replace(case(title, seen, {"WAL, octets": seen.wal, **batches}), latencies=latencies)
