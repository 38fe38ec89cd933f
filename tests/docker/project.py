"""A compose project for a test, as an operator would have it: a folder with the compose file and an `.env`.

    with Project(settings={"MADDY_REGISTRATION": "token"}) as project:
        connect(project.address, project.ports["port_imaps"])

Strategy: the compose files are copied as they are. One file more is laid over them that publishes the same ports at an
address of the project's own (`addresses.py`) and nothing else. The images must be there (`engine.build`).
It has the surface of `tests.suite.Suite` that clients, people and the ledger's load use. `files` are further compose
files (docker-compose.scale.yml); the end removes containers, networks and volumes.
"""

import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from chatmail.services import PORTS
from shared.settings import Settings
from tests.docker.addresses import free_subnet, gateway
from tests.docker.engine import IMAGE, ROOT, ask_docker, docker, health, inspect, main_pid, pids

DOMAIN = "chat.test"
HOSTNAME = "mail.chat.test"
START_SECONDS = 90.0
ONE_SHOTS = ("init", "migrate")
_numbers = count(1)


class Project:
    """One compose project; `settings` are lines of its `.env` beside the two that every suite needs."""

    def __init__(self, *, settings: Mapping[str, str] | None = None, files: Iterable[str] = ()) -> None:
        self.name = f"chatmail-test-{os.getpid()}-{next(_numbers)}"
        self.folder = Path(tempfile.mkdtemp(prefix="cm-"))
        self.subnet = free_subnet()
        self.address = gateway(self.subnet)
        self.settings = {"MADDY_HOSTNAME": HOSTNAME, "MADDY_DOMAIN": DOMAIN, **(settings or {})}
        self._files = ["docker-compose.yml", *files]
        for file in self._files:
            shutil.copy(ROOT / file, self.folder)
        (self.folder / "certs").mkdir()
        self.write_settings()
        self._write_override()

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.remove()
            raise
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _: TracebackType | None
    ) -> None:
        self.remove()

    # What an operator does.

    def start(self) -> None:
        """Return when every container is healthy."""
        try:
            done = self.ask("up", "--detach", "--wait", "--wait-timeout", str(int(START_SECONDS)))
        except subprocess.TimeoutExpired:
            raise AssertionError(f"endless: {self.ask('ps', '--all').stdout}\n{self.output()[-6000:]}") from None
        assert done.returncode == 0, f"{done.stderr[-2000:]}\n{self.output()[-6000:]}"

    def stop(self) -> None:
        """Remove the containers, and keep what they have written."""
        self.compose("down")

    def remove(self) -> None:
        """Leave nothing behind."""
        self.compose("--profile", "*", "down", "--volumes", "--remove-orphans", "--timeout", "20")
        shutil.rmtree(self.folder, ignore_errors=True)

    def write_settings(self) -> None:
        """Make `.env` what it begins as, the example with these settings in it."""
        lines = [f"{name}={value}" for name, value in self.settings.items()]
        (self.folder / ".env").write_text((ROOT / ".env.example").read_text() + "\n".join(["", *lines, ""]))

    def compose(self, *words: str, text: str = "") -> str:
        """Run `docker compose …` here, which must succeed."""
        return docker(*self._compose(), *words, text=text, environment={"MADDY_IMAGE": IMAGE})

    def ask(self, *words: str) -> Any:
        """Run `docker compose …` here, which may fail."""
        return ask_docker(*self._compose(), *words, environment={"MADDY_IMAGE": IMAGE})

    def chatmail(self, *words: str) -> str:
        """Run the operator's command."""
        return self.compose("run", "--rm", "--no-TTY", "chatmail", *words)

    # What is there.

    def rendered(self) -> dict[str, Any]:
        """Return the configuration as it is without this test's own file."""
        words = (*self._compose(*self._files), "--profile", "*", "config", "--format", "json")
        found: dict[str, Any] = json.loads(docker(*words, environment={"MADDY_IMAGE": IMAGE}))
        return found

    def containers(self, service: str = "") -> list[str]:
        """Return the ids of the containers of a service, or of all, ended ones as well."""
        return self.compose("ps", "--all", "--quiet", "--no-trunc", *([service] if service else [])).split()

    def container(self, service: str) -> str:
        """Return the id of the one container of a service."""
        [identity] = self.containers(service)
        return identity

    def running(self) -> dict[str, str]:
        """Return the containers that are meant to stay, by service."""
        services = self.compose("ps", "--services", "--status", "running").split()
        return {service: self.container(service) for service in sorted(services)}

    def pid(self, service: str) -> int:
        """The process id on this host of a service."""
        return main_pid(self.container(service))

    def kill_one(self, service: str, *, is_init: bool = False) -> None:
        """Kill a service (-9) or its init from outside, as the kernel would; return when its successor is healthy."""
        container = self.container(service)
        before = inspect(container)["State"]["StartedAt"]
        os.kill(pids(container)[0] if is_init else main_pid(container), signal.SIGKILL)
        self.wait(
            lambda: inspect(container)["State"]["StartedAt"] != before and health(container) in ("healthy", "running"),
            START_SECONDS,
            f"replaced: {service}",
        )

    def wait(self, is_done: Callable[[], object], seconds: float, what: str) -> None:
        """Wait for a condition."""
        deadline = time.monotonic() + seconds
        while not is_done():
            assert time.monotonic() < deadline, f"not {what} after {seconds:.0f} s\n{self.output()[-6000:]}"
            time.sleep(0.05)

    def output(self) -> str:
        """Everything the containers have said."""
        done = self.ask("logs", "--no-color", "--timestamps")
        return str(done.stdout)

    def volume(self, name: str) -> Path:
        """Return where a volume lies on this host."""
        return Path(docker("volume", "inspect", "--format", "{{.Mountpoint}}", f"{self.name}_{name}"))

    def secret(self, path: str) -> str:
        """Return a file of the secrets."""
        return (self.volume("secrets") / path).read_text().strip()

    def inner_address(self, service: str) -> str:
        """The address of a service on the inner network, which this host reaches as well."""
        networks = inspect(self.container(service))["NetworkSettings"]["Networks"]
        return str(networks[f"{self.name}_inner"]["IPAddress"])

    def database_url(self, role: str = "operator") -> str:
        """Postgres in a role, from this host."""
        folder = {"postgres": "migrate"}.get(role, role.replace("_", "-"))
        url = self.secret(f"{folder}/maddy_database_url")
        return url.replace("@postgres/", f"@{self.inner_address('postgres')}/")

    def redis_url(self, user: str = "operator") -> str:
        """Redis as a user, from this host."""
        url = self.secret(f"{user.replace('_', '-')}/maddy_redis_url")
        return url.replace("@redis:", f"@{self.inner_address('redis')}:")

    @property
    def owner_url(self) -> str:
        """Postgres as its owner."""
        return self.database_url("postgres")

    @property
    def ports(self) -> dict[str, int]:
        """The ports, by settings name: the standard ones."""
        return {name: Settings.model_fields[name].default for name in PORTS}

    @property
    def domain(self) -> str:
        """The mail domain."""
        return self.settings["MADDY_DOMAIN"]

    @property
    def edge(self) -> str:
        """The network that clients come by."""
        return f"{self.name}_edge"

    @property
    def page(self) -> str:
        """The web page's address."""
        return f"http://{self.address}/"

    def _compose(self, *files: str) -> list[str | Path]:
        chosen = files or (*self._files, "test.yml")
        words: list[str | Path] = [word for file in chosen for word in ("-f", self.folder / file)]
        return ["compose", "--project-name", self.name, "--project-directory", self.folder, *words]

    def _write_override(self) -> None:
        lines = ["services:"]
        for name, service in self.rendered()["services"].items():
            doors = [f'"{self.address}:{port["published"]}:{port["target"]}"' for port in service.get("ports", [])]
            lines += [f"  {name}: {{ports: !override [{', '.join(doors)}]}}"] if doors else []
        second, third = str(self.subnet[0]).split(".")[1:3]
        subnets = f'{{subnet: "{self.subnet}"}}, {{subnet: "fd63:6861:{second}:{third}::/64"}}'
        lines += ["networks:", f"  edge: {{ipam: !override {{config: [{subnets}]}}}}", ""]
        (self.folder / "test.yml").write_text("\n".join(lines))
