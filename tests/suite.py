"""A whole suite for a test: `chatmail up` in a folder and at a loopback address of its own.

    with Suite(settings={"MADDY_REGISTRATION": "token"}) as suite:
        connect(suite.address, suite.ports["port_imaps"])

Used by e2e, deltachat, browser, faults and bench; it knows nothing of pytest.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from chatmail.services import PORTS

START_SECONDS = 60.0
STOP_SECONDS = 90.0
_numbers = count(1)


class Suite:
    """One suite; `folder` is kept if given, else a temporary one is removed at the end.

    `settings` are MADDY_ variables and any other environment for it; nobody is told of new mail unless they say so.
    `ports` are those it must have, by settings name. Its addresses are `user@[address]`. `under` is a command that
    runs the suite as its arguments.
    """

    def __init__(
        self,
        folder: Path | None = None,
        *,
        address: str = "",
        settings: Mapping[str, str] | None = None,
        ports: Mapping[str, int] | None = None,
        under: Sequence[str] = (),
    ) -> None:
        self._is_temporary = folder is None
        self.folder = folder or Path(tempfile.mkdtemp(prefix="cm-"))
        self.address = address or free_address()
        self.settings = {"MADDY_PUSH_URL": "", **(settings or {})}
        self.ready_file = self.folder / "ready.json"
        self.log = self.folder / "up.log"
        self.process: subprocess.Popen[bytes] | None = None
        self._ports = {**dict.fromkeys(PORTS, 0), **(ports or {})}
        self._under = under

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _: TracebackType | None
    ) -> None:
        self.stop()
        if self._is_temporary:
            shutil.rmtree(self.folder, ignore_errors=True)

    def start(self) -> None:
        """Start the suite, again on the same ports if it ran before, and return when it is ready."""
        flags = [word for name, port in self._ports.items() for word in ("--" + name.replace("_", "-"), str(port))]
        command = [
            *self._under,
            sys.executable,
            "-m",
            "chatmail",
            "up",
            "--data",
            str(self.folder / "data"),
            "--listen",
            self.address,
        ]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*command, "--ready-file", str(self.ready_file), *flags],
                env={**_clean_environment(), **self.settings},
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        try:
            self.wait(self.ready_file.exists, START_SECONDS, "ready")
        except BaseException:
            self.stop()
            raise
        self._ports = self.ports

    def stop(self) -> int:
        """Ask the parent to stop, as Ctrl-C does, and return its status."""
        if self.process is None:
            return 0
        self.process.send_signal(signal.SIGINT)
        try:
            return self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError(f"not stopped after {STOP_SECONDS:.0f} s\n{self.output()}") from None
        finally:
            self.process = None

    def kill(self) -> None:
        """End the parent as a crash would; the kernel ends its children."""
        assert self.process
        self.process.kill()
        self.process.wait()
        self.process = None
        self.ready_file.unlink(missing_ok=True)

    def wait(self, is_done: Callable[[], bool], seconds: float, what: str) -> None:
        """Wait for a condition while the parent lives."""
        deadline = time.monotonic() + seconds
        while not is_done():
            assert self.process, "not started"
            assert self.process.poll() is None, f"ended with {self.process.returncode}\n{self.output()}"
            assert time.monotonic() < deadline, f"not {what} after {seconds:.0f} s\n{self.output()}"
            time.sleep(0.02)

    def kill_one(self, name: str) -> None:
        """Kill one service or server (-9) and return when its successor is ready."""
        pid = self.pid(name)
        os.kill(pid, signal.SIGKILL)
        self.wait(lambda: self.pid(name) != pid, START_SECONDS, f"replaced: {name}")

    def pid(self, name: str) -> int:
        """The process id of a service or server, by its name."""
        status = self.status
        return int({**status["services"], **status["servers"]}[name])

    def output(self) -> str:
        """Everything the suite has printed."""
        return self.log.read_text(errors="replace")

    @property
    def status(self) -> dict[str, Any]:
        """The ready file as it is now."""
        status: dict[str, Any] = json.loads(self.ready_file.read_text())
        return status

    @property
    def ports(self) -> dict[str, int]:
        """The ports in force, by settings name: `port_imaps`."""
        return dict(self.status["ports"])

    @property
    def domain(self) -> str:
        """The mail domain: the address in brackets, unless the settings say otherwise."""
        return str(self.status["domain"])

    @property
    def database_url(self) -> str:
        """Postgres in the role `operator`."""
        return str(self.status["database_url"])

    @property
    def owner_url(self) -> str:
        """Postgres as its owner, who may read and change everything."""
        return self.database_url.replace("//operator@", "//postgres@")

    @property
    def page(self) -> str:
        """The web page's address."""
        return str(self.status["page"])


def free_address() -> str:
    """Return a loopback address no other suite of this machine's tests has."""
    number = os.getpid() * 64 + next(_numbers)
    return f"127.{64 + number // 64516 % 64}.{1 + number // 254 % 254}.{1 + number % 254}"


def _clean_environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("MADDY_")}
