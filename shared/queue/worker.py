"""RQ's worker, tamed: one queue, no forks, the contract's jobs only (design §4.2)."""

import logging
import signal
import time
from types import FrameType
from typing import Any, NoReturn

from rq import SimpleWorker
from rq.exceptions import StopRequested
from rq.serializers import JSONSerializer

from shared import log
from shared.queue.client import Away, open_sync
from shared.queue.jobs import ContractJob, queue

WORKER_TTL = 30  # seconds: an idle worker turns its loop about twice as often
MAINTENANCE_SECONDS = 30
RETRY_SECONDS = 2.0


class ContractWorker(SimpleWorker):
    """A worker that runs jobs in its own process and says nothing of what they are."""

    job_class = ContractJob
    log_job_description = False
    max_connection_wait_time = 5
    was_told_to_stop = False

    def request_stop(self, signum: int, frame: FrameType | None) -> None:
        self.was_told_to_stop = True
        super().request_stop(signum, frame)  # type: ignore[no-untyped-call]

    def subscribe(self) -> None:
        """Take no orders by Redis: whoever got in there could end a job or the worker (design §4.2)."""

    def handle_exception(self, job: Any, *exc_info: Any) -> None:
        """Note the failure by type; RQ's own words would quote the job."""
        log.event("job-failed", error=getattr(exc_info[0], "__name__", "?"))


def work_until_told(url: str) -> None:
    """Run jobs until SIGTERM or SIGINT; Redis away is waited out."""
    logging.getLogger("rq").setLevel(logging.CRITICAL)
    try:
        while True:
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, _stop)
            if _work(url):
                return
            time.sleep(RETRY_SECONDS)
    except StopRequested:
        return


def _stop(_number: int, _frame: FrameType | None) -> NoReturn:
    raise StopRequested


def _work(url: str) -> bool:
    """Run jobs; true if a signal ended it, false if Redis went away."""
    connection = open_sync(url, waits=WORKER_TTL + 10)
    worker = None
    try:
        worker = ContractWorker(
            [queue(connection)],
            connection=connection,
            serializer=JSONSerializer,
            worker_ttl=WORKER_TTL,
            maintenance_interval=MAINTENANCE_SECONDS,
        )
        worker.work(logging_level="CRITICAL", with_scheduler=False)
    except Away:
        log.event("redis-away")
    finally:
        connection.close()
    return worker is not None and worker.was_told_to_stop
