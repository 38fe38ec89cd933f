"""Ways to take the suite's Postgres and Valkey away, for an instant or for a while."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg
import redis

from chatmail import folder as folders
from tests.faults.clients import PATIENCE
from tests.suite import Suite

DEADLINE = 60.0
_SERVICES = ("submission", "imap", "queue_worker", "register", "smtp_in")
_HOUSEWORK = ("walwriter", "background writer", "checkpointer", "autovacuum launcher")
_NONSENSE = "this is no setting of any server\n"


def wait(is_done: Callable[[], bool], what: str) -> None:
    """Wait for a condition; a failed assertion names it."""
    deadline = time.monotonic() + DEADLINE
    while not is_done():
        assert time.monotonic() < deadline, f"{what}, after {DEADLINE:.0f} s"
        time.sleep(0.01)


def kill(suite: Suite, name: str) -> None:
    """Kill a service or server and return when its successor is ready."""
    pid = suite.pid(name)
    with _replaced(suite, name):
        os.kill(pid, signal.SIGKILL)


def kill_backend(suite: Suite, number: int) -> None:
    """Kill a process of Postgres that serves a service; the postmaster ends all others and recovers."""
    serving = [pid for pid in postgres_processes(suite) if _is_serving(pid)]
    if serving:
        _signal_all([serving[number % len(serving)]], signal.SIGKILL)


def postgres_processes(suite: Suite) -> list[int]:
    """Return the children of the postmaster."""
    parent = str(suite.pid("postgres"))
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            if path.read_text().rpartition(")")[2].split()[1] == parent:
                found.append(int(path.parent.name))
    return found


@contextmanager
def no_housework(suite: Suite) -> Iterator[None]:
    """Hold every process of Postgres that writes on its own: only a commit makes anything durable meanwhile."""
    held = [pid for pid in postgres_processes(suite) if any(word in _title(pid) for word in _HOUSEWORK)]
    assert len(held) >= len(_HOUSEWORK)
    _signal_all(held, signal.SIGSTOP)
    try:
        yield
    finally:
        _signal_all(held, signal.SIGCONT)


def kill_all_of_postgres(suite: Suite) -> None:
    """End Postgres as a kernel panic would, but for the page cache, and return when it runs again."""
    with _replaced(suite, "postgres"):
        _signal_all([suite.pid("postgres"), *postgres_processes(suite)], signal.SIGKILL)


@contextmanager
def away(suite: Suite, name: str) -> Iterator[None]:
    """Kill a server and keep it from starting again until the block ends; then return when it runs."""
    path = _configuration(suite, name)
    before = path.read_text()
    with _replaced(suite, name):
        path.write_text(before + _NONSENSE)
        try:
            os.kill(suite.pid(name), signal.SIGKILL)
            yield
        finally:
            path.write_text(before)


@contextmanager
def locked(suite: Suite, address: str) -> Iterator[None]:
    """Hold the mailboxes of an address: whatever would store mail there waits."""
    with psycopg.connect(suite.owner_url) as connection:
        connection.execute(
            "SELECT FROM chatmail.mailbox b JOIN chatmail.account a ON a.id = b.account_id"
            " WHERE a.address = %s FOR UPDATE",
            (address,),
        )
        yield


def is_waiting(suite: Suite) -> bool:
    """Whether somebody waits for a lock on a row."""
    return ask(suite, "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'") > 0


def count_messages(suite: Suite, address: str) -> int:
    """Return how many messages an address has."""
    return ask(
        suite,
        "SELECT count(*) FROM chatmail.message m JOIN chatmail.mailbox b ON b.id = m.mailbox_id"
        " JOIN chatmail.account a ON a.id = b.account_id WHERE a.address = %s",
        address,
    )


def count_waiting(suite: Suite, pattern: str = "%") -> int:
    """Return how many recipients on other servers wait, of those whose address matches."""
    return ask(suite, "SELECT count(*) FROM chatmail.outbox WHERE recipient LIKE %s", pattern)


def count_lost(suite: Suite) -> int:
    """Return how many recipients were under way when a worker died, and have not been tried since."""
    return ask(
        suite,
        "SELECT count(*) FROM chatmail.outbox WHERE lost_leases > 0 OR worker IS NOT NULL AND NOT EXISTS"
        " (SELECT FROM chatmail.worker w WHERE w.token = worker AND w.alive_until > now())",
    )


def kill_worker(suite: Suite) -> list[int]:
    """Kill the delivery engine and return, when its successor is ready, the tokens of those at work till then."""
    with psycopg.connect(suite.owner_url) as connection:
        tokens = [token for (token,) in connection.execute("SELECT token FROM chatmail.worker").fetchall()]
    kill(suite, "queue-worker")
    return tokens


def outlive(suite: Suite, tokens: list[int]) -> None:
    """Let the time pass after which dead workers have lost their leases."""
    with psycopg.connect(suite.owner_url) as connection:
        connection.execute("UPDATE chatmail.worker SET alive_until = now() WHERE token = ANY (%s)", (tokens,))


def forget_jobs(suite: Suite) -> int:
    """Remove every job from Redis, as if it had been flushed; return how many keys that were."""
    with redis.Redis.from_url(suite.status["redis_url"]) as client:
        keys = list(client.scan_iter(match="rq:*"))
        return int(client.delete(*keys)) if keys else 0


def ask(suite: Suite, question: str, *parameters: object) -> int:
    """Ask Postgres as its owner for one number."""
    with psycopg.connect(suite.owner_url, connect_timeout=int(PATIENCE)) as connection:
        row = connection.execute(question, parameters).fetchone()
    assert row
    return int(row[0])


@contextmanager
def _replaced(suite: Suite, name: str) -> Iterator[None]:
    """Return from the block when what it killed runs again, and the ready file says so."""
    word = f"{name} runs again as process"
    times, pid = suite.output().count(word), suite.pid(name)
    yield
    suite.wait(lambda: suite.output().count(word) > times and suite.pid(name) != pid, DEADLINE, f"replaced: {name}")


def _signal_all(pids: list[int], number: int) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, number)


def _configuration(suite: Suite, name: str) -> Path:
    folder = folders.at(Path(str(suite.status["data"])))
    return folder.postgres / "local.conf" if name == "postgres" else folder.run / "valkey.conf"


def _is_serving(pid: int) -> bool:
    return any(word in _SERVICES for word in _title(pid).split())


def _title(pid: int) -> str:
    with suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    return ""
