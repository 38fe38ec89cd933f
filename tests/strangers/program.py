"""A stranger's server as a child of the test, in the foreground, with its log in a file.

Strategy: what can only ask the system's resolver gets a mount namespace of its own, in which /etc/resolv.conf names the
resolver of the test; everything else of the machine stays as it is. A child is stopped by its id, and dies with us.
"""

import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

import pytest

from tests.needs import needs

PATIENCE = 30.0  # seconds; nothing here takes more than two, even on a busy machine
_ENTER = 'mount --bind "$0" /etc/resolv.conf && exec "$@"'


class Program:
    """One child. `resolv` is what it sees as /etc/resolv.conf; `is_ready` tells when others may begin."""

    def __init__(
        self, words: list[str], log: Path, is_ready: Callable[[], bool], *, resolv: Path | None = None
    ) -> None:
        self.log = log
        self._is_ready = is_ready
        enter = ["unshare", "--mount", "sh", "-c", _ENTER, str(resolv)] if resolv else []
        self._words = [needs("setpriv"), "--pdeathsig", "KILL", *enter, *words]

    def __enter__(self) -> Self:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(self._words, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            until(lambda: self.process.poll() is not None or self._is_ready(), f"ready: {self.log.stem}")
            assert self.process.poll() is None, f"ended with {self.process.returncode}:\n{self.output()}"
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def output(self) -> str:
        return self.log.read_text(errors="replace") if self.log.exists() else ""


def until(is_done: Callable[[], object], what: str, seconds: float = PATIENCE) -> None:
    """Wait for something that is sure to come, and say what did not."""
    deadline = time.monotonic() + seconds
    while not is_done():
        assert time.monotonic() < deadline, f"not {what} after {seconds:.0f} s"
        time.sleep(0.05)


def needs_root() -> None:
    """Leave the tests out where nobody may have port 53, mailboxes of others and a view of /etc of their own."""
    if os.geteuid() != 0:
        pytest.skip("needs: root")
    done = subprocess.run([needs("unshare"), "--mount", "true"], capture_output=True, check=False)
    if done.returncode:
        pytest.skip("needs: mount namespaces")
