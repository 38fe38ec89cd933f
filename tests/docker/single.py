"""The all-in-one container for a test, started by the very command line of the README.

    with Single() as single:
        connect(single.address, single.ports["port_imaps"])

It has a network of its own, at whose gateway the seven ports are published (`addresses.py`). It has the surface of
`tests.suite.Suite` that clients and people use. `flags` are further words for `docker run`; a `data` that is no name
of a volume of ours is the caller's to remove.
"""

import os
import time
from collections.abc import Callable
from contextlib import suppress
from itertools import count
from types import TracebackType
from typing import Self

from chatmail.services import PORTS
from shared.settings import Settings
from tests.docker.addresses import free_subnet, gateway
from tests.docker.engine import IMAGE, ask_docker, docker, health
from tests.docker.project import DOMAIN, HOSTNAME

START_SECONDS = 90.0
_numbers = count(1)


class Single:
    """One container with everything in it, on a volume of its own."""

    def __init__(self, *flags: str, data: str = "", image: str = f"{IMAGE}-all-in-one") -> None:
        self.name = f"chatmail-single-{os.getpid()}-{next(_numbers)}"
        self.data = data or self.name
        self.image = image
        self.domain = DOMAIN
        self.settings = {"MADDY_HOSTNAME": HOSTNAME, "MADDY_DOMAIN": DOMAIN}
        self._flags = flags
        self._subnet = free_subnet()
        self.address = gateway(self._subnet)
        self.network = self.name

    def __enter__(self) -> Self:
        docker("network", "create", "--subnet", str(self._subnet), self.network)
        try:
            self.start()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _: TracebackType | None
    ) -> None:
        self.remove()
        docker("network", "rm", self.network)
        if self.data == self.name:
            ask_docker("volume", "rm", self.data)

    def start(self) -> None:
        """Run the container, and return when it is healthy."""
        ports = [word for port in self.ports.values() for word in ("-p", f"{self.address}:{port}:{port}")]
        settings = [word for name, value in self.settings.items() for word in ("-e", f"{name}={value}")]
        words = ["--name", self.name, "--network", self.network, *settings, "-v", f"{self.data}:/data", *ports]
        docker("run", "-d", *words, *self._flags, self.image)
        self.wait_until_healthy()

    def restart(self) -> None:
        """Stop and start the container, and return when it is healthy."""
        docker("restart", self.name)
        self.wait_until_healthy()

    def remove(self) -> None:
        """Remove the container, and keep its volume."""
        ask_docker("rm", "--force", "--volumes", self.name)

    def wait_until_healthy(self) -> None:
        self.wait(lambda: health(self.name) == "healthy", START_SECONDS, "healthy")

    def wait(self, is_done: Callable[[], object], seconds: float, what: str) -> None:
        """Wait for a condition while the container runs."""
        deadline = time.monotonic() + seconds
        while not is_done():
            assert health(self.name) != "exited", f"ended\n{self.output()[-6000:]}"
            assert time.monotonic() < deadline, f"not {what} after {seconds:.0f} s\n{self.output()[-6000:]}"
            time.sleep(0.05)

    def run(self, *words: str) -> str:
        """Run a command in the container."""
        return docker("exec", self.name, *words)

    def output(self) -> str:
        """Everything the container has said."""
        with suppress(AssertionError):
            done = ask_docker("logs", self.name)
            return done.stdout + done.stderr
        return ""

    @property
    def ports(self) -> dict[str, int]:
        """The ports, by settings name: the standard ones."""
        return {name: Settings.model_fields[name].default for name in PORTS}

    @property
    def page(self) -> str:
        """The web page's address."""
        return f"http://{self.address}/"
