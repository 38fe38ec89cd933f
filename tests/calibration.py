"""What work costs beside plain Python in the same process: a ratio holds on any machine.

assert any(cost(verifying, 60) < cost(loop, 60) for _ in range(TRIES))
"""

import time
from collections.abc import Callable

TRIES = 5  # of a comparison: neighbours can make a whole second slower, and whatever is measured in it


def cost(work: Callable[[], object], times: int) -> float:
    """Return the least CPU time of many runs, in nanoseconds: a busy machine cannot stretch it."""
    least = float("inf")
    for _ in range(times):
        before = time.process_time_ns()
        work()
        least = min(least, time.process_time_ns() - before)
    return least


def loop() -> int:
    total = 1
    for number in range(10_000):
        total = total * 31 + number & 0xFFFF
    return total
