"""A PostgreSQL of our own: one cluster in the data folder, one unix socket, nobody else.

Strategy: the cluster is made whole beside its place and renamed into it, so a start that was killed half-way leaves
nothing to repair. The configuration is written anew at every start (`local.conf` beside it is the operator's). The
socket's folder is closed to other users, therefore local connections are trusted and no password exists.
Durability is never traded for speed: fsync, full_page_writes and synchronous_commit stay on.
"""

import os
import shutil
import signal
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from chatmail.embedded import binaries
from chatmail.embedded.identity import Identity, ordinary
from chatmail.trouble import Trouble

DATABASE = "chatmail"
OWNER = "postgres"
STOP_SIGNAL = signal.SIGINT  # "fast shutdown": disconnects clients, rolls back, writes a checkpoint
DEATH_SIGNAL = signal.SIGINT

_CONFIGURATION = """\
# Written at every start; what should last goes to local.conf.
listen_addresses = ''
unix_socket_directories = '{sockets}'
max_connections = {connections}
fsync = on
full_page_writes = on
synchronous_commit = on
shared_buffers = 128MB
max_wal_size = 4GB
wal_compression = off
jit = off
max_logical_replication_workers = 0
timezone = 'UTC'
log_timezone = 'UTC'
# Nothing personal in logs: a statement, a parameter or a failing row could name somebody.
log_error_verbosity = terse
log_min_error_statement = panic
log_parameter_max_length = 0
log_parameter_max_length_on_error = 0
log_statement = none
log_connections = off
log_disconnections = off
log_checkpoints = off
include 'local.conf'
"""
# What is read ahead is asked of the kernel, as before 18, and not of three processes more.
_SINCE_18 = "io_method = sync\n"

# A worker of each service has three lanes, and so has register's door /mxdeliv; the three doors that take mail store
# large messages on two threads each; the queue worker keeps house on one.
_EACH_WORKER = 6 * 3 + 3 * 2 + 1
# The operator's commands, dumps, and those that a restarted service has not yet let go.
_BESIDE = 40


def connections_for(workers: int) -> int:
    """Return how many connections a suite may need whose services run in so many processes each."""
    return _BESIDE + _EACH_WORKER * workers


@dataclass(frozen=True, slots=True)
class Postgres:
    """One cluster: its folder, the folder of its socket, and how many connections it takes."""

    data: Path
    sockets: Path
    connections: int = connections_for(1)

    def prepare(self) -> None:
        """Make the cluster if there is none, write its configuration and clear what a crash left behind (0.5 s)."""
        programs = binaries.find_postgres()
        if not self.data.exists():
            _create(programs, self.data)
        version = _version(programs, self.data)
        quoted = str(self.sockets).replace("'", "''")
        configuration = _CONFIGURATION.format(sockets=quoted, connections=self.connections)
        if version >= 18:
            configuration = _SINCE_18 + configuration
        (self.data / "postgresql.conf").write_text(configuration)
        (self.data / "local.conf").touch()
        self.sockets.mkdir(mode=0o700, exist_ok=True)
        _identity(programs).give(self.sockets, self.data / "local.conf", self.data / "postgresql.conf")
        self.clear()

    def clear(self) -> None:
        """End what a crash left running on this cluster, and remove lock files whose writer is gone.

        A postmaster that was killed leaves backends that end by themselves; until the last one has, its pid file
        stays: it is what keeps a second server from the same files.
        """
        _end_all(self.data)
        # A process id in a stale file may belong to anybody by now, and Postgres would wait for that one.
        for path in (self.data / "postmaster.pid", *self.sockets.glob(".s.PGSQL.*")):
            path.unlink(missing_ok=True)

    def command(self) -> list[str]:
        """Return the command that runs the server in the foreground."""
        programs = binaries.find_postgres()
        return _identity(programs).command([programs / "postgres", "-D", self.data])

    def popen(self) -> dict[str, object]:
        """Return what Popen must be told beside the command."""
        return _identity(binaries.find_postgres()).popen

    def is_ready(self) -> bool:
        """Tell whether the running server accepts connections (it says so in the last line of its pid file)."""
        with suppress(OSError):
            lines = (self.data / "postmaster.pid").read_text().splitlines()
            return len(lines) > 7 and lines[7].strip() == "ready"
        return False

    def url(self, role: str = OWNER, database: str = DATABASE) -> str:
        """Return the address under which a role connects."""
        return f"postgresql://{role}@/{database}?host={quote(str(self.sockets), safe='/')}"


def _identity(programs: Path) -> Identity:
    return ordinary(programs / "postgres")


def _create(programs: Path, data: Path) -> None:
    new = data.with_name(data.name + ".new")
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir(mode=0o700, parents=True)
    identity = _identity(programs)
    identity.give(new)
    initdb: list[str | Path] = [programs / "initdb", "-D", new, "-U", OWNER, "--locale=C", "--encoding=UTF8"]
    _run(identity, [*initdb, "--auth-local=trust", "--auth-host=reject"])
    _run(identity, [programs / "postgres", "--single", "-D", new, "template1"], f"CREATE DATABASE {DATABASE}\n")
    new.rename(data)


def _run(identity: Identity, words: list[str | Path], words_in: str = "") -> None:
    command = identity.command(words)
    done = subprocess.run(command, input=words_in, capture_output=True, text=True, check=False, **identity.popen)
    if done.returncode != 0 or "ERROR" in done.stderr:
        last = (done.stderr or done.stdout).strip().splitlines()[-1:]
        raise Trouble(f"{Path(words[0]).name} failed: {last[0] if last else f'exit code {done.returncode}'}")


def _version(programs: Path, data: Path) -> int:
    """Return the version that made the folder, and raise Trouble if the programs are of another."""
    made_by = (data / "PG_VERSION").read_text().strip()
    words = subprocess.run(
        [programs / "postgres", "--version"], capture_output=True, text=True, check=True
    ).stdout.split()
    if words[2].split(".")[0] != made_by:
        raise Trouble(
            f"the data folder was made by PostgreSQL {made_by}, and {programs} is {words[2]}; "
            f"name the older programs with {binaries.POSTGRES_VARIABLE}, or move the data: `chatmail backup` with "
            "those, `chatmail restore` with these"
        )
    return int(made_by)


def _end_all(data: Path, patience: float = 10.0) -> None:
    deadline = time.monotonic() + patience
    for number in (STOP_SIGNAL, signal.SIGQUIT, signal.SIGKILL):
        for pid in _heads(_servers_of(data)):
            with suppress(ProcessLookupError):
                os.kill(pid, number)
        while _servers_of(data) and time.monotonic() < deadline:
            time.sleep(0.02)
        deadline = time.monotonic() + 1.0


def _heads(pids: list[int]) -> list[int]:
    """Leave out those whose parent is among them: a postmaster ends its own, and takes a child's end for a crash."""
    return [pid for pid in pids if _parent(pid) not in pids]


def _parent(pid: int) -> int:
    with suppress(OSError):
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    return 0


def _servers_of(data: Path) -> list[int]:
    """Return the process ids of every Postgres process, postmaster or backend, that works in this cluster."""
    place = str(data.resolve())
    return [int(process.name) for process in Path("/proc").glob("[0-9]*") if _works_in(process, place)]


def _works_in(process: Path, place: str) -> bool:
    with suppress(OSError):
        return str((process / "cwd").readlink()) == place and (process / "comm").read_text().strip() == "postgres"
    return False
