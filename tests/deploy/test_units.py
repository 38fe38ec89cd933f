"""The five units and the migration as deploy/systemd/README.md installs them, with a Postgres and a Valkey that ask for
passwords: each process is given its unit's environment, credentials and rules, and says by itself when it serves.
"""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import psycopg
import pytest

from chatmail import passwords
from chatmail.embedded import binaries
from chatmail.services import PORTS, SERVICES
from tests.deploy.closed import read
from tests.deploy.units import FOLDER, ORDINARY, under, unit_of
from tests.people import newcomer
from tests.suite import Suite, free_address

PATIENCE = 60.0
PORT_NUMBERS = {name: 10_001 + number for number, name in enumerate(PORTS)}


class Machine:
    """What the README makes of a machine, below one folder and at one loopback address."""

    def __init__(self, folder: Path, open_things: ExitStack) -> None:
        self.folder = folder
        self.address = free_address()
        self.secrets = folder / "secrets"
        self._open_things = open_things
        passwords.write(self.secrets, self.address)

    @property
    def suite(self) -> Suite:
        """As much of a suite as people need."""
        seen = SimpleNamespace(address=self.address, ports=PORT_NUMBERS, domain=f"[{self.address}]")
        return cast(Suite, seen)

    def start_postgres(self) -> None:
        """Start a Postgres that knows its owner by the socket and everybody else by a password."""
        programs, data = binaries.find_postgres(), self.folder / "postgres"
        initdb = [str(programs / "initdb"), "-D", str(data), "-U", "postgres", "--locale=C", "--encoding=UTF8"]
        options = ["--auth-local=trust", "--auth-host=scram-sha-256"]
        subprocess.run([*ORDINARY, *initdb, *options], check=True, capture_output=True)
        with (data / "postgresql.conf").open("a") as configuration:
            configuration.write((FOLDER / "postgresql.conf").read_text())
            configuration.write(f"listen_addresses = '{self.address}'\nunix_socket_directories = '{self.folder}'\n")
        self.start([*ORDINARY, str(programs / "postgres"), "-D", str(data)], stop=signal.SIGINT)
        url = f"postgresql://postgres@/template1?host={self.folder}"
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                with psycopg.connect(url, autocommit=True) as owner:
                    owner.execute("CREATE DATABASE chatmail")
                return
            except psycopg.OperationalError:
                assert time.monotonic() < deadline
                time.sleep(0.1)

    def start_valkey(self) -> None:
        """Start a Valkey with our part of its configuration."""
        ours = (FOLDER / "redis.conf").read_text().replace("/etc/redis/chatmail.acl", f"{self.secrets}/redis/users.acl")
        configuration = self.folder / "valkey.conf"
        configuration.write_text(f"bind {self.address}\nport 6379\ndir {self.folder}\n{ours}")
        self.start([str(binaries.find_valkey()), str(configuration)])

    def start_unit(self, unit: Path) -> subprocess.Popen[bytes]:
        """Start what a unit starts, as it says."""
        rules = read(unit)
        command = rules["ExecStart"][0].replace("/opt/chatmail/.venv/bin/python", sys.executable).split()
        working = self.folder / "log" / unit.stem
        working.mkdir(parents=True)
        return self.start([*under(unit), *command], environment=self._environment(unit, rules), folder=working)

    def status(self) -> dict[str, object]:
        """Ask as the operator does, with the operator's secrets."""
        environment = {"CREDENTIALS_DIRECTORY": str(self.secrets / "operator"), "MADDY_DOMAIN": f"[{self.address}]"}
        command = [sys.executable, "-P", "-m", "chatmail", "status", "--json"]
        done = subprocess.run(command, env=environment, cwd=self.folder, check=True, capture_output=True)
        return dict(json.loads(done.stdout))

    def start(
        self,
        command: list[str],
        *,
        environment: dict[str, str] | None = None,
        folder: Path | None = None,
        stop: signal.Signals = signal.SIGTERM,
    ) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(command, env=environment, cwd=folder, stdout=subprocess.DEVNULL)

        def end() -> None:
            process.send_signal(stop)
            process.wait(PATIENCE)

        self._open_things.callback(end)
        return process

    def _environment(self, unit: Path, rules: dict[str, list[str]]) -> dict[str, str]:
        credentials, state = self.folder / "credentials" / unit.stem, self.folder / "state" / unit.stem
        credentials.mkdir(parents=True)
        state.mkdir(parents=True)
        for given in rules["LoadCredential"]:
            name, _, source = given.partition(":")
            _load(name, Path(source.replace("/etc/chatmail/secrets", str(self.secrets))), credentials)
        words = " ".join(rules["Environment"]).replace("%S", str(self.folder / "state"))
        words = words.replace("postgresql:///", "postgresql://postgres@/").replace("/run/postgresql", str(self.folder))
        file = {
            "MADDY_DOMAIN": f"[{self.address}]",
            "MADDY_LISTEN": self.address,
            "MADDY_METRICS_LISTEN": self.address,
            "MADDY_ABUSE_LOG": "abuse.log",
            "MADDY_PUSH_URL": "",
            **{f"MADDY_{name.upper()}": str(number) for name, number in PORT_NUMBERS.items()},
        }
        systemd = {"CREDENTIALS_DIRECTORY": str(credentials), "NOTIFY_SOCKET": str(self.folder / "notify")}
        return {"PATH": os.environ["PATH"], **dict(re.findall(r"(\w+)=(\S+)", words)), **file, **systemd}


def _load(name: str, source: Path, credentials: Path) -> None:
    """Do as LoadCredential does, systemd.exec(5): a folder's files are credentials each."""
    if source.is_dir():
        for file in source.iterdir():
            _load(f"{name}_{file.name}", file, credentials)
    else:
        (credentials / name).write_text(source.read_text())


@contextmanager
def told(folder: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(str(folder / "notify"))
        sock.settimeout(PATIENCE)
        yield sock


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    with ExitStack() as open_things:
        machine = Machine(tmp_path, open_things)
        machine.start_postgres()
        machine.start_valkey()
        yield machine


def test_the_units_make_a_suite(machine: Machine) -> None:
    assert machine.start_unit(FOLDER / "chatmail-migrate.service").wait(PATIENCE) == 0
    with told(machine.folder) as manager:
        for service in SERVICES:
            machine.start_unit(unit_of(service))
        assert {manager.recv(100) for _ in SERVICES} == {b"READY=1"}
    ann, bob = newcomer(machine.suite), newcomer(machine.suite)
    assert bob.inbox() == []
    ann.send(bob.address)
    deadline = time.monotonic() + PATIENCE
    while not bob.inbox():
        assert time.monotonic() < deadline
    assert (machine.folder / "log/chatmail-imap/abuse.log").exists()
    assert machine.status()["accounts"] == 2
