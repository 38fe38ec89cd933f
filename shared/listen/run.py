"""How a service's process lives: uvloop, workers, an orderly end.

Strategy: one worker runs in this process. Several are forked before any loop exists, and the parent only
waits: the workers hold the reading end of a pipe whose writing end is the parent's, so that they stop both
when the parent is told to and when it dies. A worker that ends unasked ends them all, with a status other than
zero: restarting is the work of whoever started the service. So does work in the background that fails, after a drain.
"""

import asyncio
import contextlib
import gc
import os
import resource
import signal
import sys
from collections.abc import Awaitable, Callable, Coroutine
from typing import Literal

import uvloop

from shared import log
from shared.listen import heap, notify
from shared.listen.listener import Listener
from shared.metrics.page import PAGE

DRAIN_SECONDS = 20.0  # a message being received may still be stored and answered

ServiceMain = Callable[[asyncio.Event], Coroutine[object, object, None]]


class Stopping(asyncio.Event):
    """Set when the service is to end; until somebody waits for it, the service is only starting."""

    is_awaited = False

    async def wait(self) -> Literal[True]:
        self.is_awaited = True
        return await super().wait()


def run(service_main: ServiceMain, workers: int = 1) -> None:
    """Run `service_main(stopping)` until it returns; `stopping` is set when SIGTERM or SIGINT arrives.

    Where it is set before `service_main` waits for it, `service_main` is cancelled: it may be waiting for a database
    that never comes. Ends the program: with a line on standard error and status 1 when the operating system refuses
    something (a port taken), with status 1 after any other error.
    """
    allow_files()
    heap.keep_large_apart()
    PAGE.spread(workers)  # this service's own, where several were forked from one process
    if workers > 1:
        raise SystemExit(_run_workers(service_main, workers))
    PAGE.take(0)
    _run_here(service_main, None)


def allow_files() -> None:
    """Take as many descriptors as the system lets this process have: every connection is one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        with contextlib.suppress(ValueError, OSError):  # some systems say "unlimited" and mean less
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


async def serve(listener: Listener, stopping: asyncio.Event, *background: Awaitable[None]) -> None:
    """Open the listener, run `background` beside it, and drain when `stopping` is set.

    Work in the background that raises is the end too: its error is logged, and raised after the drain.
    """
    tasks = [asyncio.ensure_future(work) for work in background]
    for task in tasks:
        task.add_done_callback(lambda done: _stop_if_failed(done, stopping))
    await listener.open()
    log.event("ready", ports=",".join(map(str, listener.ports)))
    notify.tell(notify.READY)
    gc.collect()
    gc.freeze()  # what exists by now stays; later collections need not walk it
    await stopping.wait()
    log.event("stopping")
    notify.tell(notify.STOPPING)
    await listener.say_farewell()
    await listener.drain(DRAIN_SECONDS)
    for task in tasks:
        if not task.cancel():  # it has ended
            task.result()


def _stop_if_failed(task: asyncio.Future[None], stopping: asyncio.Event) -> None:
    error = None if task.cancelled() else task.exception()
    if error:
        log.failure("background_failed", error)
        stopping.set()


def _run_here(service_main: ServiceMain, parent: int | None) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        log.quiet_loop(loop)
        stopping = Stopping()
        working = loop.create_task(service_main(stopping))

        def stop() -> None:
            stopping.set()
            if not stopping.is_awaited:
                working.cancel()

        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop)
        if parent is not None:
            loop.add_reader(parent, _parent_is_gone, loop, parent, stop)
        await asyncio.wait([working])
        if not (working.cancelled() and stopping.is_set()):
            working.result()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        try:
            runner.run(main())
        except OSError as error:  # its text is the operating system's: an address of ours, a file of ours
            raise SystemExit(f"{error.strerror or error}") from None
        except Exception as error:
            log.failure("service_failed", error)
            raise SystemExit(1) from None


def _parent_is_gone(loop: asyncio.AbstractEventLoop, parent: int, stop: Callable[[], None]) -> None:
    loop.remove_reader(parent)
    stop()


def _run_workers(service_main: ServiceMain, workers: int) -> int:
    reading, writing = os.pipe()
    is_asked = False

    def stop(*_: object) -> None:
        nonlocal is_asked, writing
        is_asked = True
        if writing >= 0:
            os.close(writing)
            writing = -1

    signal.signal(signal.SIGTERM, stop)  # before the first fork: from then on there is something to stop
    signal.signal(signal.SIGINT, stop)
    children = {_fork(service_main, worker, reading, writing) for worker in range(workers)}
    os.close(reading)
    worst = 0
    while children:
        child, status = os.wait()
        children.discard(child)
        worst = max(worst, abs(os.waitstatus_to_exitcode(status)))
        if not is_asked:
            log.event("worker_ended", status=os.waitstatus_to_exitcode(status))
            worst = max(worst, 1)
            stop()
    return worst


def _fork(service_main: ServiceMain, worker: int, reading: int, writing: int) -> int:
    child = os.fork()
    if child:
        return child
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)
    status = 1
    try:
        if writing >= 0:  # else the parent was told to stop between two forks, and the pipe says so
            os.close(writing)
        PAGE.take(worker)
        _run_here(service_main, reading)
        status = 0
    except SystemExit as end:
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr, flush=True)
        status = 1
    finally:
        os._exit(status)
