"""RQ's worker, tamed: one queue, no forks, the contract's jobs only (design §4.2)."""

import contextlib
import logging
import threading
import time
from collections.abc import Callable
from typing import Any

from rq import SimpleWorker
from rq.exceptions import DeserializationError
from rq.serializers import JSONSerializer
from rq.timeouts import BaseDeathPenalty

from shared import log
from shared.queue.client import Away, open_sync
from shared.queue.jobs import ContractJob, queue, wake_key

WORKER_TTL = 30  # seconds: an idle worker turns its loop about twice as often
MAINTENANCE_SECONDS = 30
RETRY_SECONDS = 2.0
FULL_SECONDS = 0.1


class NoPenalty(BaseDeathPenalty):
    """No deadline: a job returns at once, and RQ's own way needs the main thread's signals."""

    def setup_death_penalty(self) -> None: ...

    def cancel_death_penalty(self) -> None: ...


class ContractWorker(SimpleWorker):
    """A worker that runs jobs in its own process, on any thread, and says nothing of what they are."""

    job_class = ContractJob
    death_penalty_class = NoPenalty
    log_job_description = False
    max_connection_wait_time = 5
    is_full: Callable[[], bool] = staticmethod(lambda: False)

    def _install_signal_handlers(self) -> None:
        """Signals are the process's business, not this thread's."""

    def subscribe(self) -> None:
        """Take no orders by Redis: whoever got in there could end a job or the worker (design §4.2)."""

    def dequeue_job_and_maintain_ttl(self, timeout: int | None, max_idle_time: int | None = None) -> Any:
        """Take no job while there is no room for its work: another worker may have some."""
        looks = 0
        while self.is_full():
            if looks % 100 == 0:
                self.heartbeat()
            looks += 1
            time.sleep(FULL_SECONDS)
        return super().dequeue_job_and_maintain_ttl(timeout, max_idle_time)

    def execute_job(self, job: Any, queue: Any) -> None:
        """Run the job; who asks from here on asks for another look."""
        with contextlib.suppress(DeserializationError):  # not one of ours; running it will say so
            self.connection.delete(wake_key(job.func_name, job.args[0] if job.args else 0))
        super().execute_job(job, queue)

    def handle_exception(self, job: Any, *exc_info: Any) -> None:
        """Note the failure by type; RQ's own words would quote the job."""
        log.event("job-failed", error=getattr(exc_info[0], "__name__", "?"))


def start(url: str, is_full: Callable[[], bool]) -> None:
    """Run jobs on a thread of their own as long as the process lives, none while `is_full`; Redis away is waited out.

    Nothing needs to be finished at the end: a job is a doorbell.
    """
    logging.getLogger("rq").setLevel(logging.CRITICAL)
    threading.Thread(target=_work_for_ever, args=(url, is_full), name="rq", daemon=True).start()


def _work_for_ever(url: str, is_full: Callable[[], bool]) -> None:
    while True:
        try:
            _work(url, is_full)
        except Exception as error:
            log.failure("doorbell", error)
        time.sleep(RETRY_SECONDS)


def _work(url: str, is_full: Callable[[], bool]) -> None:
    """Run jobs until Redis goes away."""
    connection = open_sync(url, waits=WORKER_TTL + 10)
    try:
        worker = ContractWorker(
            [queue(connection)],
            connection=connection,
            serializer=JSONSerializer,
            worker_ttl=WORKER_TTL,
            maintenance_interval=MAINTENANCE_SECONDS,
        )
        worker.is_full = is_full
        worker.work(logging_level="CRITICAL", with_scheduler=False)
    except Away:
        log.event("redis-away")
    finally:
        connection.close()
