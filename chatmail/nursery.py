"""The process that services are copied from, seen from `chatmail up`.

Strategy: it is made before anything is known that a service should not know, before any thread and any loop
(`chatmail.cradle` tells what it does). A child it bears is ours, since we are for that moment the one who adopts
orphans (PR_SET_CHILD_SUBREAPER): we wait for it, and it dies with us, as with one we run ourselves. Whatever fails
here, the service is run by itself: that costs memory, and nothing else.
"""

import asyncio
import ctypes
import gc
import json
import os
import signal
import socket
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import IO, Self

from chatmail import cradle

PR_SET_CHILD_SUBREAPER = 36  # prctl(2)
BIRTH_SECONDS = 60.0  # the first one waits until everything is imported


class Born:
    """A child that was born and not run: of asyncio's Process, what is needed here."""

    def __init__(self, pid: int, stdout: asyncio.StreamReader) -> None:
        self.pid = pid
        self.stdout = stdout
        self.returncode: int | None = None
        self._ended = asyncio.Event()
        handle = os.pidfd_open(pid)
        asyncio.get_running_loop().add_reader(handle, self._reap, handle)

    async def wait(self) -> int:
        """Wait for its end and return its status (negative: the signal that ended it)."""
        await self._ended.wait()
        assert self.returncode is not None
        return self.returncode

    def _reap(self, handle: int) -> None:
        asyncio.get_running_loop().remove_reader(handle)
        os.close(handle)
        _, status = os.waitpid(self.pid, 0)
        self.returncode = os.waitstatus_to_exitcode(status)
        self._ended.set()


class Nursery:
    """The process, until it ends or disappoints; from then on nobody is born."""

    def __init__(self, pid: int, door: socket.socket) -> None:
        self.pid = pid
        self._door: socket.socket | None = door
        self._one_at_a_time = asyncio.Lock()

    @classmethod
    def open(cls, modules: Sequence[str]) -> Self | None:
        """Make the process, which imports the modules while we go on; None where the system cannot do all of this.

        To be called before there is a thread, a loop, or a secret: all of it would be copied.
        """
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # ignored by who started us, no child could be waited for
        if not _is_possible():
            return None
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        for stream in filter(None, (sys.stdout, sys.stderr)):
            stream.flush()
        parent = os.getpid()
        gc.freeze()  # what is collected later would be written to, and so copied
        pid = os.fork()
        if pid == 0:
            ours.close()
            cradle.tend(theirs, parent, modules)
        theirs.close()
        ours.setblocking(False)
        return cls(pid, ours)

    @property
    def is_open(self) -> bool:
        return self._door is not None

    async def bear(self, name: str, module: str, environment: Mapping[str, str], stop_signal: int) -> Born:
        """Start a module's `main` in a child of ours; raise OSError, and do no more, if that does not work."""
        try:
            async with self._one_at_a_time, asyncio.timeout(BIRTH_SECONDS):
                wishes = {
                    "name": name,
                    "module": module,
                    "environment": dict(environment),
                    "stop_signal": int(stop_signal),
                }
                return await self._bear(json.dumps(wishes).encode())
        except (OSError, ValueError) as error:
            self.close()
            raise OSError(f"the nursery has ended: {error}") from None

    def close(self) -> None:
        """End the process; those that were born live on."""
        if self._door:
            self._door.close()
            self._door = None
            with suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)

    async def _bear(self, wishes: bytes) -> Born:
        loop = asyncio.get_running_loop()
        channel, its_channel = socket.socketpair()
        reading, writing = os.pipe()
        output = os.fdopen(reading, "rb", 0)
        with channel:
            channel.setblocking(False)
            try:
                with _adopting():
                    self._hand_over(its_channel, writing)
                    pid = int(await loop.sock_recv(channel, 32))
            except BaseException:
                output.close()
                raise
            born = Born(pid, await _reader(output))
            await loop.sock_sendall(channel, wishes)
        return born

    def _hand_over(self, channel: socket.socket, output: int) -> None:
        try:
            if self._door is None:
                raise BrokenPipeError
            socket.send_fds(self._door, [b"\0"], [channel.fileno(), output])
        finally:
            channel.close()
            os.close(output)


async def _reader(output: IO[bytes]) -> asyncio.StreamReader:
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), output)
    return reader


@contextmanager
def _adopting() -> Iterator[None]:
    """Be the one orphans are given to. Not for longer: those of a killed service are not ours to wait for."""
    libc = ctypes.CDLL(None)
    libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    try:
        yield
    finally:
        libc.prctl(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0)


def _is_possible() -> bool:
    """Tell whether this system has what it takes, Linux from 5.3 and no filter before it, and we may be copied."""
    if sys.platform != "linux" or threading.active_count() > 1:
        return False
    try:
        os.close(os.pidfd_open(os.getpid()))
    except (OSError, AttributeError):  # a Python may have been built where nobody knew of it
        return False
    return True
