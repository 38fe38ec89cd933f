"""What Postgres counts: octets of WAL, and calls of the functions that write, hence messages in a batch."""

import time
from dataclasses import dataclass

import psycopg

WRITING = {"deliver": "accept", "STORE": "change_flags", "EXPUNGE": "remove_messages"}
_SETTLING = 1.2  # seconds until a session's counters are seen by others


@dataclass(frozen=True, slots=True)
class Counted:
    """Since the cluster began: octets of WAL, and statements by what they do."""

    wal: int
    calls: dict[str, int]


def count_calls(url: str) -> None:
    """Let Postgres count the calls of functions; needs its owner."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("ALTER SYSTEM SET track_functions = 'pl'")
        connection.execute("SELECT pg_reload_conf()")


def calls(url: str) -> dict[str, int]:
    """Return how often each function was called so far; takes a second, so not within the time that is measured."""
    time.sleep(_SETTLING)
    with psycopg.connect(url, autocommit=True) as connection:
        found = connection.execute(
            "SELECT funcname, sum(calls) FROM pg_stat_user_functions WHERE schemaname = 'chatmail' GROUP BY 1"
        ).fetchall()
    return {str(name): int(number) for name, number in found}


def counted(url: str) -> Counted:
    """Return the counters as they are now; takes a second, too."""
    by_function = calls(url)
    with psycopg.connect(url, autocommit=True) as connection:
        wal = connection.execute("SELECT pg_current_wal_lsn() - '0/0'").fetchone()
    assert wal
    return Counted(int(wal[0]), {word: by_function.get(name, 0) for word, name in WRITING.items()})


def messages_left(url: str) -> int:
    """Return how many messages are stored; after a run there are none."""
    with psycopg.connect(url) as connection:
        found = connection.execute("SELECT count(*) FROM chatmail.message").fetchone()
    assert found
    return int(found[0])
