"""A proxy in front of a suite, started with the very file that operators are given, but for addresses and ports.

with front.running([haproxy, "-f", str(file)], environment, front, "port_imaps"):
    people.newcomer(front)      # a Front looks like a Suite to those who only want its address and ports
"""

import os
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

ROOT = Path(__file__).parents[2]
DEADLINE = 60.0


@dataclass(frozen=True)
class Front:
    """Where clients find the proxy; ports by the settings' names."""

    address: str
    ports: Mapping[str, int]

    def connect(self, port: str, source: str) -> socket.socket:
        """Connect from a loopback address of choice."""
        return socket.create_connection((self.address, self.ports[port]), 30, source_address=(source, 0))


def free_ports(address: str, count: int) -> list[int]:
    """Return ports that nobody has at this address now."""
    held = [socket.socket() for _ in range(count)]
    for sock in held:
        sock.bind((address, 0))
    ports = [sock.getsockname()[1] for sock in held]
    for sock in held:
        sock.close()
    return ports


@contextmanager
def running(
    command: list[str], environment: Mapping[str, str], front: Front, is_ready: Callable[[Front], bool]
) -> Iterator[IO[bytes]]:
    """Run the proxy until the block ends; yields all it has said."""
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(command, env={**os.environ, **environment}, stdout=log, stderr=log)
        try:
            deadline = time.monotonic() + DEADLINE
            while not is_ready(front):
                assert process.poll() is None, f"ended with {process.returncode}\n{said(log)}"
                assert time.monotonic() < deadline, f"not ready\n{said(log)}"
                time.sleep(0.05)
            yield log
            assert process.poll() is None, f"ended with {process.returncode}\n{said(log)}"
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def said(log: IO[bytes]) -> str:
    """Return what a program has printed."""
    return os.pread(log.fileno(), 1_000_000, 0).decode(errors="replace")


def greets(front: Front, port: str) -> bool:
    """Say whether somebody at this port speaks first, as the clear doors of SMTP and IMAP do."""
    try:
        with socket.create_connection((front.address, front.ports[port]), 5) as connection:
            return bool(connection.recv(1))
    except OSError:
        return False
