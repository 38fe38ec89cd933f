"""What the nursery's process does: imports what the services need, waits for a word, and makes a copy of itself.

Strategy: importing is most of a service's start and of its memory, and is the same for all of them, so it is done once
and copied by fork(2): pages that nobody writes to are shared. The copy that becomes a service is a grandchild; the
child between ends at once, and the system gives the grandchild to `chatmail up`, which is its parent from then on. So
nothing hangs on this process, which may end at any time. It never learns what a service is to know (its way into
Postgres, passwords): it is handed a descriptor, and only the grandchild reads from it.
docs/decisions/0014-services-are-forked.md has the reasons.
"""

import ctypes
import gc
import importlib
import json
import os
import signal
import socket
import sys
import time
import traceback
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

from shared.listen import heap

PR_SET_PDEATHSIG = 1  # prctl(2)
PR_SET_NAME = 15
_LEAST_PRIVATE = 3  # descriptors below are standard input, output and error
_ARG_START = 45  # index of `arg_start` after the command name, proc_pid_stat(5); `arg_end` follows

_LIBC = ctypes.CDLL(None)  # now: a child of a process with threads must not load anything


def tend(door: socket.socket, parent: int, modules: Sequence[str]) -> NoReturn:
    """Import the modules and make a child of `parent` for each word at the door, until the other end is closed."""
    status = 1
    try:
        _leave_home(door, parent)
        _prepare(modules)
        while True:
            word, descriptors, _, _ = socket.recv_fds(door, 1, 2)
            if not word:
                break
            _bear(door, parent, descriptors)
        status = 0
    finally:
        os._exit(status)  # an error is not told: who runs by itself then will tell it, and better


def _leave_home(door: socket.socket, parent: int) -> None:
    """Keep nothing of the parent's but its standard error, and die with it."""
    os.setsid()
    dies_with_parent(signal.SIGKILL, parent)
    _name_process("nursery")
    for number in [int(name) for name in os.listdir("/proc/self/fd")]:
        if number >= _LEAST_PRIVATE and number != door.fileno():
            with suppress(OSError):  # the one that listed them
                os.close(number)
    if not sys.flags.safe_path and sys.path[0] == os.getcwd():  # the folder one stands in is no place to import from
        sys.path.pop(0)


def _prepare(modules: Sequence[str]) -> None:
    gc.disable()
    for module in modules:
        importlib.import_module(module)
    # What is collected later would be written to, and so copied.
    gc.collect()
    gc.freeze()
    heap.give_back()


def _bear(door: socket.socket, parent: int, descriptors: Sequence[int]) -> None:
    child = os.fork()
    if child == 0:
        between = os.getpid()
        if os.fork() == 0:
            door.close()
            _live(parent, between, *descriptors)
        os._exit(0)
    os.waitpid(child, 0)
    for number in descriptors:
        os.close(number)


def _live(parent: int, between: int, channel: int, output: int) -> NoReturn:
    status = 1
    try:
        _be_adopted(parent, between)
        status = _run(socket.socket(fileno=channel), output, parent)
    except BaseException:
        traceback.print_exc()
    finally:
        with suppress(OSError, ValueError):
            sys.stdout.flush()
        os._exit(status)


def _be_adopted(parent: int, between: int) -> None:
    while os.getppid() == between:  # it is about to end
        time.sleep(0.0005)
    if os.getppid() != parent:
        os._exit(1)
    os.setsid()


def _run(channel: socket.socket, output: int, parent: int) -> int:
    """Tell the parent who we are, hear what to be, and be it; return the exit status."""
    null = os.open(os.devnull, os.O_RDONLY)
    for number, standard in ((null, 0), (output, 1), (output, 2)):
        os.dup2(number, standard)
        if standard != 1:
            os.close(number)
    with channel:
        channel.sendall(b"%d\n" % os.getpid())
        told = _read(channel)
    if not told:  # the parent has changed its mind
        return 1
    wishes = json.loads(told)
    dies_with_parent(wishes["stop_signal"], parent)
    os.environ.clear()
    os.environ.update(wishes["environment"])
    sys.argv = [wishes["module"]]
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    _name_process(wishes["name"])
    return _ended(wishes["module"])


def _ended(module: str) -> int:
    """Run a module's `main` as `python -m` would, and return the exit status."""
    gc.enable()
    try:
        importlib.import_module(module).main()
    except SystemExit as end:
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
            return 1
        return end.code or 0
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    return 0


def _read(channel: socket.socket) -> bytes:
    parts = []
    while part := channel.recv(65536):
        parts.append(part)
    return b"".join(parts)


def dies_with_parent(number: int, parent: int) -> None:
    """Let the kernel send this signal when the parent ends, or end now if it has; to be called in a child."""
    _LIBC.prctl(PR_SET_PDEATHSIG, number)
    if os.getppid() != parent:  # it died before the line above
        os._exit(1)


def _name_process(name: str) -> None:
    """Be told apart: by `top` through prctl(2), by `ps` through the arguments that the first of us was started with."""
    _LIBC.prctl(PR_SET_NAME, name.encode())
    fields = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
    start, end = int(fields[_ARG_START]), int(fields[_ARG_START + 1])
    if 0 < start < end:
        ctypes.memset(start, 0, end - start)
        title = f"chatmail: {name}".encode()[: end - start - 1]
        ctypes.memmove(start, title, len(title))
