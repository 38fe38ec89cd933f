"""A program that wants a terminal, in one that nobody looks at."""

import os
import pty
import select
import subprocess
import time

SECONDS = 40.0


def run(command: list[str], environment: dict[str, str], seconds: float = SECONDS) -> str:
    """Run a command in a terminal of 80 columns until it ends by itself, and return all that it has shown."""
    ours, theirs = pty.openpty()
    try:
        process = subprocess.Popen(
            command,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env={**os.environ, **environment, "TERM": "xterm", "COLUMNS": "80", "LINES": "24"},
            start_new_session=True,
        )
        os.close(theirs)
        return _shown(process, ours, time.monotonic() + seconds)
    finally:
        os.close(ours)


def _shown(process: subprocess.Popen[bytes], terminal: int, deadline: float) -> str:
    shown = b""
    try:
        while process.poll() is None:
            assert time.monotonic() < deadline, shown.decode(errors="replace")
            if select.select([terminal], [], [], 0.1)[0]:
                shown += os.read(terminal, 65536)
    except OSError:
        pass  # the other end is closed: the program has ended
    finally:
        if process.poll() is None and time.monotonic() >= deadline:
            process.kill()
        process.wait(SECONDS)
    return shown.decode(errors="replace")
