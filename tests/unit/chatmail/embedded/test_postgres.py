"""The embedded Postgres: made once, kept durable, quiet, closed, and able to start after any crash."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from chatmail.embedded.postgres import STOP_SIGNAL, Postgres, connections_for
from chatmail.trouble import Trouble
from tests import servers

SETTINGS = [
    ("fsync", "on"),
    ("full_page_writes", "on"),
    ("synchronous_commit", "on"),
    ("listen_addresses", ""),
    ("log_error_verbosity", "terse"),
    ("log_min_error_statement", "panic"),
    ("log_parameter_max_length", "0"),
    ("log_parameter_max_length_on_error", "0"),
    ("log_statement", "none"),
    ("log_connections", ""),
    ("server_encoding", "UTF8"),
]


@pytest.fixture
def server() -> Iterator[Postgres]:
    with servers.temporary_folder() as folder:
        yield Postgres(folder / "postgres", folder)


def running(server: Postgres) -> "subprocess.Popen[bytes]":
    server.prepare()
    process = subprocess.Popen(server.command(), stderr=subprocess.DEVNULL, start_new_session=True)
    servers.wait(server, process)
    return process


@pytest.mark.parametrize(("name", "value"), SETTINGS, ids=[name for name, _ in SETTINGS])
def test_it_is_durable_quiet_and_closed(postgres_server: Postgres, name: str, value: str) -> None:
    with psycopg.connect(postgres_server.url()) as connection:
        shown = connection.execute("SELECT current_setting(%s)", (name,)).fetchone()
    assert shown in [(value,), ("off",)] if value == "" else shown == (value,)


def test_it_runs_no_process_that_stands_by_for_nothing(postgres_server: Postgres) -> None:
    asked = "SELECT backend_type FROM pg_stat_activity WHERE backend_type ~ 'replication|io worker'"
    with psycopg.connect(postgres_server.url()) as connection:
        assert connection.execute(asked).fetchall() == []


def test_data_and_the_operators_configuration_outlive_a_restart(server: Postgres) -> None:
    with servers.running(server, STOP_SIGNAL), psycopg.connect(server.url()) as connection:
        connection.execute("CREATE TABLE kept (word text)")
    (server.data / "local.conf").write_text("work_mem = '7MB'\n")
    with servers.running(server, STOP_SIGNAL), psycopg.connect(server.url()) as connection:
        assert connection.execute("SELECT count(*) FROM kept").fetchone() == (0,)
        assert connection.execute("SHOW work_mem").fetchone() == ("7MB",)


@pytest.mark.parametrize(("workers", "connections"), [(1, 65), (4, 140), (64, 1640)])
def test_every_worker_finds_its_connections(workers: int, connections: int) -> None:
    assert connections_for(workers) == connections


def test_it_takes_as_many_connections_as_it_is_told(server: Postgres) -> None:
    many = Postgres(server.data, server.sockets, connections_for(64))
    with servers.running(many, STOP_SIGNAL), psycopg.connect(many.url()) as connection:
        assert connection.execute("SHOW max_connections").fetchone() == ("1640",)


def test_after_a_kill_it_starts_again(server: Postgres) -> None:
    process = running(server)
    with psycopg.connect(server.url(), autocommit=True) as connection:
        connection.execute("CREATE TABLE kept (word text)")
    process.kill()
    process.wait()
    assert (server.data / "postmaster.pid").exists()
    with servers.running(server, STOP_SIGNAL), psycopg.connect(server.url()) as connection:
        assert connection.execute("SELECT count(*) FROM kept").fetchone() == (0,)


def test_a_server_left_running_is_ended_first(server: Postgres) -> None:
    left = running(server)
    with servers.running(server, STOP_SIGNAL) as process:
        assert left.wait(10) == 0
        assert process.poll() is None


def test_a_stale_file_that_names_somebody_else_does_no_harm(server: Postgres) -> None:
    server.prepare()
    other = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        (server.data / "postmaster.pid").write_text(f"{other.pid}\n{server.data}\n1\n5432\n\n\n\nready\n")
        (server.sockets / ".s.PGSQL.5432.lock").write_text(f"{other.pid}\n")
        with servers.running(server, STOP_SIGNAL):
            assert other.poll() is None
    finally:
        other.send_signal(signal.SIGTERM)
        other.wait()
        assert other.stdin
        other.stdin.close()


def test_half_a_cluster_is_made_anew(server: Postgres) -> None:
    half = server.data.with_name("postgres.new")
    half.mkdir()
    (half / "PG_VERSION").write_text("18\n")
    server.prepare()
    assert not half.exists()
    assert (server.data / "base").is_dir()


def test_a_cluster_of_another_version_is_left_alone(server: Postgres) -> None:
    server.prepare()
    (server.data / "PG_VERSION").write_text("12\n")
    with pytest.raises(Trouble, match=r"made by PostgreSQL 12"):
        server.prepare()


def test_nobody_else_may_look(server: Postgres) -> None:
    server.prepare()
    assert server.data.stat().st_mode & 0o077 == 0


def test_readiness_is_not_believed_of_half_a_file(tmp_path: Path) -> None:
    server = Postgres(tmp_path, tmp_path)
    assert not server.is_ready()
    (tmp_path / "postmaster.pid").write_text(f"{os.getpid()}\n{tmp_path}\n1\n5432\n/run\n\n\nstarting\n")
    assert not server.is_ready()
