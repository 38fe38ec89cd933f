"""`python -m queue_worker`: housekeeping on a thread, RQ's doorbell on the main one."""

import threading
from functools import partial

from queue_worker import jobs
from queue_worker.housekeeping import Housekeeper
from shared import log, settings
from shared.queue import presence, ringing, worker
from shared.storage.expiry import LARGE_SIZE, Expiry, Limits


def main() -> None:
    """Work until SIGTERM or SIGINT; the step at hand is finished."""
    chosen = settings.read()
    log.configure("queue-worker")
    limits = Limits(
        days=chosen.retention_days,
        large_days=chosen.large_retention_days,
        large_size=LARGE_SIZE,
        inactive_days=chosen.inactive_days,
        quota=chosen.quota,
    )
    housekeeper = Housekeeper(Expiry(chosen.database_url, limits), partial(ringing.ring, chosen.redis_url))
    jobs.serve(housekeeper)
    housekeeper.start()
    threading.Thread(target=presence.announce_worker, args=(chosen.redis_url,), daemon=True).start()
    log.event("ready")
    worker.work_until_told(chosen.redis_url)
    log.event("stopping")
    housekeeper.stop()


if __name__ == "__main__":
    main()
