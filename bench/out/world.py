"""The world a run takes place in: a DNS server, a sink, a suite, and senders who are logged in."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from bench.out import load, sink
from bench.out.sink import Counts
from tests.certificates import self_signed
from tests.dns_server import DnsServer
from tests.suite import Suite

ROOT = Path(__file__).parent.parent.parent
DOMAIN = "bench.test"
WARM = "warm.test"  # a destination for what is not measured
PATIENCE = 30.0

# Neither pace nor the limits of a source are what is measured; the dead are tried once, and found dead soon.
SETTINGS = {
    "MADDY_DESTINATION_RATE": "1000000",
    "MADDY_SEND_PER_MINUTE": "1000000",
    "MADDY_SEND_BURST": "1000000",
    "MADDY_SOURCE_RATE": "100000",
    "MADDY_SOURCE_CONNECTIONS": "100000",
    "MADDY_RETRY_DELAYS": "3600",
    "MADDY_CONNECT_SECONDS": "2",
    "MADDY_REPLY_SECONDS": "2",
    "MADDY_DIAL_PRIVATE": "true",
}


@dataclass(frozen=True, slots=True)
class Places:
    """The destinations of a run: `alive` answer, half of the `dead` refuse, the other half never say a word."""

    alive: int
    dead: int

    @property
    def names(self) -> list[str]:
        """All of them."""
        return [*self.living, *(f"dead{number:03}.test" for number in range(self.dead))]

    @property
    def living(self) -> list[str]:
        return [f"alive{number:03}.test" for number in range(self.alive)]

    @property
    def silent(self) -> int:
        return self.dead // 2


class World:
    """One suite with `workers` processes a service, and `places` for its mail to go to."""

    def __init__(self, places: Places, workers: int, senders: int, size: int) -> None:
        self._places = places
        self._workers = workers
        self._senders, self._size = senders, size
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self._folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="cm-out-")))
            self._dns = stack.enter_context(DnsServer())
            addresses = self._publish()
            port = self._open_sink(stack, addresses)
            self.suite = stack.enter_context(Suite(settings=self._settings(port)))
            self._load = self._start_senders(stack)
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.__exit__(kind, error, trace)

    def send(self, count: int, names: Sequence[str]) -> None:
        """Have so many messages sent to domains in turn; returns at once."""
        assert self._load.stdin
        self._load.stdin.write(" ".join([str(count), *names]) + "\n")
        self._load.stdin.flush()

    def sent(self) -> dict[str, Any]:
        """Wait until they are accepted, and return what that took."""
        found: dict[str, Any] = json.loads(_line(self._load))
        return found

    @property
    def roots(self) -> dict[str, int]:
        """The processes of the suite, by name."""
        status = self.suite.status
        return {**status["services"], **status["servers"]}

    def _publish(self) -> dict[str, str]:
        """Give every destination an address of its own, and return them by name."""
        network = f"127.{32 + os.getpid() % 32}"
        addresses = {}
        for number, name in enumerate([WARM, *self._places.names], 1):
            addresses[name] = f"{network}.{number // 250}.{1 + number % 250}"
            self._dns.set(name, "MX", [f"10 mx.{name}."])
            self._dns.set(f"mx.{name}", "A", [addresses[name]])
        return addresses

    def _open_sink(self, stack: ExitStack, addresses: Mapping[str, str]) -> int:
        certificate = self._folder / "sink.pem"
        leaf = self_signed("sink.test")
        key = leaf.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        certificate.write_bytes(leaf.pem + key)
        counts = self._folder / "counts"
        self.counts = Counts(counts)
        dead = [addresses[name] for name in self._places.names if name not in self._places.living]
        job = sink.Job(
            [addresses[name] for name in (WARM, *self._places.living)],
            dead[: self._places.silent],
            str(certificate),
            str(counts),
        )
        return int(_line(_start(stack, "bench.out.sink", json.dumps(asdict(job)))))

    def _start_senders(self, stack: ExitStack) -> "subprocess.Popen[str]":
        port = self.suite.ports["port_submissions"]
        job = load.Job(self.suite.address, port, DOMAIN, self._senders, self._size)
        senders = _start(stack, "bench.out.load", json.dumps(asdict(job)))
        assert _line(senders) == "ready\n"
        return senders

    def _settings(self, port: int) -> dict[str, str]:
        return {
            **SETTINGS,
            "MADDY_DOMAIN": DOMAIN,
            "MADDY_DNS": self._dns.address,
            "MADDY_REMOTE_PORT_SMTP": str(port),
            "MADDY_REMOTE_PORT_HTTPS": "1",  # nobody listens there: mail goes by SMTP
            "MADDY_WORKERS": str(self._workers),
        }


def _start(stack: ExitStack, module: str, job: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", module, job]
    process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    stack.callback(process.wait, PATIENCE)
    stack.callback(process.kill)
    return process


def _line(process: "subprocess.Popen[str]") -> str:
    assert process.stdout
    line = process.stdout.readline()
    assert line, f"ended with {process.wait(PATIENCE)}, see above"
    return line
