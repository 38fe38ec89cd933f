"""What the queue worker's walk through all mailboxes costs: its own code, here, against a suite's Postgres."""

import time

from bench import accounting
from bench.run import components
from shared.storage.expiry import LARGE_SIZE, Expiry, Limits
from tests.suite import Suite

_LIMITS = Limits(days=20, large_days=7, large_size=LARGE_SIZE, inactive_days=90, quota=500_000_000)


def walk(suite: Suite) -> dict[str, float]:
    """Walk once; return steps, messages removed, seconds, the longest step, and Postgres's CPU seconds."""
    postgres = {"postgres": components(suite)["postgres"]}
    expiry = Expiry(suite.owner_url, _LIMITS)
    before, since = accounting.cpu(postgres), time.monotonic()
    removed, steps, longest = 0, 0, 0.0
    after: int | None = 0
    while after is not None:
        began = time.monotonic()
        after, gone, _ = expiry.expire_step(after)
        removed, steps, longest = removed + gone, steps + 1, max(longest, time.monotonic() - began)
    took = time.monotonic() - since
    expiry.close()
    used = accounting.cpu(postgres)["postgres"] - before["postgres"]
    return {"steps": steps, "removed": removed, "seconds": took, "longest": longest, "cpu": used}
