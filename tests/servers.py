"""A Postgres and a Valkey for tests: the embedded ones, without a supervisor."""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import psycopg

from chatmail.embedded.postgres import OWNER, Postgres
from chatmail.embedded.valkey import Valkey
from chatmail.services import OPERATOR, SERVICES, redis_users

DEADLINE = 30.0
_numbers = count(1)


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """A folder whose path is short enough for unix sockets."""
    path = Path(tempfile.mkdtemp(prefix="cm-"))
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


@contextmanager
def running(server: Postgres | Valkey, stop_signal: int) -> Iterator[subprocess.Popen[bytes]]:
    """Run an embedded server until the block ends."""
    server.prepare()
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(server.command(), stdout=log, stderr=log, **server.popen())  # type: ignore[call-overload]
        try:
            wait(server, process)
            yield process
        finally:
            process.send_signal(stop_signal)
            process.wait(DEADLINE)


def wait(server: Postgres | Valkey, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + DEADLINE
    while not server.is_ready():
        assert process.poll() is None, f"{server} ended with {process.returncode}"
        assert time.monotonic() < deadline, f"{server} is not ready"
        time.sleep(0.01)


def all_users() -> dict[str, tuple[str, ...]]:
    """The Redis users of the suite, and one who may touch every key."""
    return {**redis_users(), "tests": ("~*", "&*", "+@scripting")}


def migrate(url: str, data: Path) -> None:
    """Bring a database to the present schema, as `chatmail up` does."""
    settings = {"MADDY_DATABASE_URL": url, "MADDY_DOMAIN": "[127.0.0.1]", "MADDY_DATA": str(data)}
    command = [sys.executable, "-m", "shared.storage.migrate"]
    done = subprocess.run(command, env={**os.environ, **settings}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr or done.stdout


@contextmanager
def fresh_database(postgres: Postgres) -> Iterator[dict[str, str]]:
    """A copy of the migrated database: its address for every role, and for the owner under `postgres`."""
    name = f"test_{os.getpid()}_{next(_numbers)}"
    with psycopg.connect(postgres.url(OWNER, "postgres"), autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}" TEMPLATE chatmail')
        try:
            yield {
                role: postgres.url(role, name) for role in (OWNER, OPERATOR, *(service.role for service in SERVICES))
            }
        finally:
            connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
