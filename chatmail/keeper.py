"""Keeps one process running: starts it, waits until it is ready, and starts it again when it ends unasked."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

from chatmail.process import Process
from chatmail.trouble import Trouble

READY_SECONDS = 30.0
LOOK_SECONDS = 0.02
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 10.0  # seconds between attempts; doubles while the process keeps ending
STEADY_SECONDS = 60.0  # a process that ran this long starts again with the first pause

Say = Callable[[str], None]


class Keeper:
    """One kept process.

    `is_ready` asks it; `before` puts in order, before another start, what a crash left behind; `on_change` is told when
    it runs under a new process id, and when that one is ready: then `ready_pid` is its.
    """

    def __init__(
        self,
        process: Process,
        is_ready: Callable[[], Awaitable[bool]],
        *,
        say: Say,
        on_change: Callable[[], None],
        before: Callable[[], None] = lambda: None,
    ) -> None:
        self.process = process
        self.ready_pid = 0
        self._is_ready = is_ready
        self._say = say
        self._on_change = on_change
        self._before = before
        self._keeping: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Start the process, return when it is ready, and keep it running from then on; or raise Trouble."""
        await self.process.start()
        self._on_change()
        await self._wait_until_ready()
        self._keeping = asyncio.create_task(self._keep())

    async def stop(self) -> None:
        """End the process for good."""
        if self._keeping:
            self._keeping.cancel()
            await asyncio.gather(self._keeping, return_exceptions=True)
        await self.process.stop()

    async def _wait_until_ready(self) -> None:
        deadline = asyncio.get_running_loop().time() + READY_SECONDS
        while not await self._is_ready():
            if not self.process.is_running:
                raise Trouble(f"{self.process.name} ended with {await self._end()}{self._last_words()}")
            if asyncio.get_running_loop().time() > deadline:
                raise Trouble(f"{self.process.name} is not ready after {READY_SECONDS:.0f} s{self._last_words()}")
            await asyncio.sleep(LOOK_SECONDS)
        self.ready_pid = self.process.pid

    async def _keep(self) -> None:
        clock = asyncio.get_running_loop().time
        pause = FIRST_PAUSE
        while True:
            since = clock()
            self._tell(f"ended with {await self._end()}; starting it again")
            pause = FIRST_PAUSE if clock() - since > STEADY_SECONDS else pause
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE)
            await self._start_again()

    async def _start_again(self) -> None:
        # Whatever goes wrong here, the next attempt must come: nobody else would make it.
        try:
            self._before()
            await self.process.start()
            self._on_change()
            await self._wait_until_ready()
        except Exception as error:
            self._tell(f"could not be started again: {error}")
            self.process.kill()
            return
        self._tell(f"runs again as process {self.process.pid}")
        try:
            self._on_change()
        except Exception as error:
            self._tell(f"runs, but that could not be made known: {error}")

    def _tell(self, what: str) -> None:
        with suppress(OSError):  # a terminal that is gone
            self._say(f"{self.process.name} {what}")

    async def _end(self) -> str:
        try:
            status = await self.process.wait()
        except Exception as error:  # of whoever was to hear its last lines
            self.process.kill()
            return type(error).__name__
        return f"signal {-status}" if status < 0 else f"status {status}"

    def _last_words(self) -> str:
        if self.process.command.log:
            return f"; see {self.process.command.log.name}"
        lines = [line for line in self.process.last_lines if line.strip()]
        return f": {lines[-1]}" if lines else ""
