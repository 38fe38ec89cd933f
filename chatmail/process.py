"""One child process: started so that it dies with us, heard line by line, stopped with patience.

Strategy: a child gets a session of its own, so that a Ctrl-C at the terminal reaches the parent alone, which then stops
everything in order; and the kernel signals it when the parent dies, so that a killed parent leaves nothing behind.
"""

import asyncio
import os
import signal
import sys
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import IO, Any

from chatmail import cradle
from chatmail.nursery import Born, Nursery

REMEMBERED_LINES = 20

Hear = Callable[[str, str], None]  # name, line


@dataclass(frozen=True, slots=True)
class Command:
    """What to run, and how to end it."""

    name: str
    words: list[str]
    environment: Mapping[str, str]
    stop_signal: int = signal.SIGTERM
    patience: float = 30.0  # seconds from the stop signal to SIGKILL
    log: IO[bytes] | None = None  # where its output goes; None: to the parent, line by line
    popen: Mapping[str, Any] = field(default_factory=dict)
    module: str = ""  # whose `main` a nursery may run in its stead


class Process:
    """A child that can be started again after it ended."""

    def __init__(self, command: Command, hear: Hear, nursery: Nursery | None = None) -> None:
        self.command = command
        self._nursery = nursery
        self.last_lines: deque[str] = deque(maxlen=REMEMBERED_LINES)
        self.has_said_ready = False
        self._hear = hear
        self._process: asyncio.subprocess.Process | Born | None = None
        self._listening: asyncio.Task[None] | None = None

    @property
    def name(self) -> str:
        return self.command.name

    @property
    def pid(self) -> int:
        return self._process.pid if self._process else 0

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.returncode is None

    async def start(self) -> None:
        """Start the child; raise OSError if its program cannot be run."""
        self.has_said_ready = False
        self.last_lines.clear()
        self._process = await self._bear() or await self._run()
        if self._process.stdout:
            self._listening = asyncio.create_task(self._listen(self._process.stdout))

    async def _bear(self) -> Born | None:
        command = self.command
        if not (command.module and self._nursery and self._nursery.is_open):
            return None
        try:
            return await self._nursery.bear(command.name, command.module, command.environment, command.stop_signal)
        except OSError as error:
            self._hear(self.name, f"{error}; services are run by themselves from now on")
            return None

    async def _run(self) -> asyncio.subprocess.Process:
        output: Any = self.command.log or asyncio.subprocess.PIPE
        return await asyncio.create_subprocess_exec(
            *self.command.words,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=asyncio.subprocess.STDOUT,
            env=dict(self.command.environment),
            start_new_session=True,
            preexec_fn=_dies_with_parent(self.command.stop_signal),
            **self.command.popen,
        )

    async def wait(self) -> int:
        """Wait for the end of the child and return its status (negative: the signal that ended it)."""
        assert self._process, "not started"
        status = await self._process.wait()
        if self._listening:
            with suppress(TimeoutError):  # a grandchild may hold the pipe open
                await asyncio.wait_for(asyncio.shield(self._listening), 0.5)
        return status

    async def stop(self) -> None:
        """Ask the child to end, and kill it with its children when its patience is over."""
        if not self.is_running:
            return
        self.signal(self.command.stop_signal)
        try:
            await asyncio.wait_for(self.wait(), self.command.patience)
        except TimeoutError:
            self.kill()
            await self.wait()

    def kill(self) -> None:
        """End the child and what it started at once."""
        if self.is_running:
            with suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)

    def signal(self, number: int) -> None:
        """Send a signal to the child alone."""
        with suppress(ProcessLookupError):
            os.kill(self.pid, number)

    async def _listen(self, output: asyncio.StreamReader) -> None:
        rest = b""
        while chunk := await output.read(65536):
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                self._take(line.decode(errors="replace"))
            rest = rest[-65536:]
        if rest:
            self._take(rest.decode(errors="replace"))

    def _take(self, line: str) -> None:
        self.last_lines.append(line)
        # `2026-11-22T10:00:00 queue-worker I ready …`, see shared/log.py
        self.has_said_ready = self.has_said_ready or line.split(" ")[2:4] == ["I", "ready"]
        self._hear(self.name, line)


def _dies_with_parent(number: int) -> Callable[[], None] | None:
    if sys.platform != "linux":
        return None
    return partial(cradle.dies_with_parent, number, os.getpid())
