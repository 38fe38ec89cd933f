"""The stack on a swarm of one node, this machine, that is left at the end whatever happens.

    with Swarm(settings=...) as swarm:
        connect(swarm.address, swarm.ports["port_imaps"])

Strategy: docker-compose.swarm.yml is deployed as it is, by the commands of docs/scaling.md. Only the ports are others,
since a stack publishes at all addresses of its nodes, and at the standard ones somebody else may be. It has the surface
of `tests.suite.Suite` that clients, people and the ledger's load use.
"""

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from chatmail.services import PORTS, SERVICES
from tests.docker import pem
from tests.docker.addresses import free_subnet
from tests.docker.engine import IMAGE, ROOT, ask_docker, docker
from tests.docker.project import DOMAIN, HOSTNAME
from tests.proxies.front import free_ports

STACK = "chatmail"
FILE = "docker-compose.swarm.yml"
START_SECONDS = 180.0
OURS = tuple(service.name for service in SERVICES)
TLS_DOORS = ("port_https", "port_imaps", "port_submissions")
STANDING = (*OURS, "postgres", "redis", "resolver", "edge")


class Swarm:
    """One stack; `settings` are lines of its `.env` beside the two that every suite needs."""

    def __init__(self, *, settings: Mapping[str, str] | None = None) -> None:
        assert docker("info", "--format", "{{.Swarm.LocalNodeState}}") == "inactive", (
            "this machine is in a swarm already"
        )
        self.folder = Path(tempfile.mkdtemp(prefix="cm-"))
        self.address = "127.0.0.1"
        self.domain = DOMAIN
        self.ports = dict(zip(PORTS, free_ports(self.address, len(PORTS)), strict=True))
        own = {"MADDY_HOSTNAME": HOSTNAME, "MADDY_DOMAIN": DOMAIN, **(settings or {})}
        lines = "".join(f"{name}={value}\n" for name, value in own.items())
        (self.folder / ".env").write_text((ROOT / ".env.example").read_text() + "\n" + lines)
        shutil.copy(ROOT / FILE, self.folder)
        published = {f"MADDY_{name.upper()}": str(port) for name, port in self.ports.items()}
        self._environment = {"MADDY_IMAGE": IMAGE, "MADDY_TAG": "latest", **own, **published}

    def __enter__(self) -> Self:
        try:
            self._begin()
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _: TracebackType | None
    ) -> None:
        self._end()

    def deploy(self, **changed: str) -> None:
        """Deploy the stack, with these variables changed, and return when every service is as it should be."""
        self._environment.update(changed)
        docker("stack", "deploy", "-c", self.folder / FILE, STACK, environment=self._environment)
        self.wait(self.is_whole, START_SECONDS, "whole")
        self.wait(self.is_reached, START_SECONDS, "reached")

    def is_reached(self) -> bool:
        """Whether the edge has found who is behind it."""
        with suppress(OSError):
            return all(pem.shown(self.address, self.ports[door]) for door in TLS_DOORS)
        return False

    def scale(self, service: str, number: int) -> None:
        """Have this many replicas of a service."""
        docker("service", "scale", "--detach", f"{STACK}_{service}={number}")
        self.wait(lambda: len(self.containers(service)) == number and self.is_whole(), START_SECONDS, "scaled")

    def update(self, service: str, *flags: str) -> None:
        """Replace a service's replicas, and return when that is done."""
        docker("service", "update", "--quiet", *flags, f"{STACK}_{service}")

    def is_whole(self) -> bool:
        """Whether every service has the replicas it should, and is not changing."""
        rows = docker("service", "ls", "--format", "{{.Name}} {{.Replicas}}").splitlines()
        found = {name.removeprefix(f"{STACK}_"): replicas.split("/") for name, replicas in map(str.split, rows)}
        return all(found[name][0] == found[name][1] != "0" for name in STANDING) and bool(self.ended("migrate"))

    def containers(self, service: str) -> list[str]:
        """Return the containers of a service that run."""
        return docker("ps", "--quiet", "--filter", f"label=com.docker.swarm.service.name={STACK}_{service}").split()

    def ended(self, service: str) -> list[str]:
        """Return how often a service that ends has ended well."""
        states = docker("service", "ps", f"{STACK}_{service}", "--format", "{{.CurrentState}}").splitlines()
        return [state for state in states if state.startswith("Complete")]

    def wait(self, is_done: Callable[[], object], seconds: float, what: str) -> None:
        """Wait for a condition."""
        deadline = time.monotonic() + seconds
        while not is_done():
            assert time.monotonic() < deadline, f"not {what} after {seconds:.0f} s\n{self.output()}"
            time.sleep(0.2)

    def output(self) -> str:
        """Say how every task stands."""
        shown = "{{.Name}} {{.CurrentState}} {{.Error}}"
        return str(ask_docker("stack", "ps", "--no-trunc", "--format", shown, STACK).stdout)

    def _begin(self) -> None:
        words = ("--advertise-addr", self.address, "--listen-addr", f"{self.address}:2377")
        docker("swarm", "init", *words, "--default-addr-pool", str(free_subnet().supernet(new_prefix=20)))
        docker("node", "update", "--label-add", "chatmail.postgres=true", docker("node", "ls", "--quiet"))
        environment = {**os.environ, **self._environment}
        subprocess.run([ROOT / "deploy/swarm/secrets"], env=environment, check=True, capture_output=True)
        self.deploy()

    def _end(self) -> None:
        ask_docker("stack", "rm", STACK)
        with suppress(AssertionError):
            self.wait(lambda: not self._remains("ps", "--all"), 90, "gone")
            self.wait(lambda: not self._remains("network", "ls"), 30, "gone")
        ask_docker("swarm", "leave", "--force")
        for volume in self._remains("volume", "ls"):
            ask_docker("volume", "rm", "--force", volume)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _remains(self, *words: str) -> list[str]:
        return docker(*words, "--quiet", "--filter", f"label=com.docker.stack.namespace={STACK}").split()
