"""What a newcomer does: `chatmail up`, Ctrl-C, again; and what happens when something goes wrong."""

import fcntl
import json
import os
import pty
import re
import signal
import smtplib
import socket
import ssl
import struct
import subprocess
import sys
import termios
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from chatmail.services import PORTS, SERVICES
from tests.suite import Suite, free_address

PROCESSES = [*(service.name for service in SERVICES), "postgres", "valkey"]
LINK = re.compile(r"^dclogin:\S+$", re.MULTILINE)


@pytest.fixture(scope="module")
def another() -> Iterator[Suite]:
    with Suite() as running:
        yield running


@pytest.fixture
def own(another: Suite) -> Suite:
    """A suite that may be hurt, running."""
    if another.process is None or another.process.poll() is not None:
        another.start()
    return another


def chatmail(suite: Suite, *words: str) -> Any:
    command = [sys.executable, "-m", "chatmail", *words, "--json", "--data", str(suite.folder / "data")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def all_pids(suite: Suite) -> dict[str, int]:
    status = suite.status
    return {"parent": status["pid"], **status["services"], **status["servers"]}


def lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except FileNotFoundError:
        return False


def until_gone(pids: dict[str, int]) -> None:
    deadline = time.monotonic() + 60
    while left := [name for name, pid in pids.items() if lives(pid)]:
        assert time.monotonic() < deadline, f"still running: {left}"
        time.sleep(0.02)


def test_every_door_answers_on_its_port(suite: Suite) -> None:
    greetings = {"port_smtp": b"220 ", "port_submission": b"220 ", "port_imap": b"* OK"}
    for name, greeting in greetings.items():
        with socket.create_connection((suite.address, suite.ports[name]), 10) as client:
            assert client.recv(200).startswith(greeting)
    unverified = ssl._create_unverified_context()
    with smtplib.SMTP_SSL(suite.address, suite.ports["port_submissions"], timeout=10, context=unverified) as client:
        assert client.ehlo()[0] == 250
    for name in ("port_imaps", "port_https"):
        with socket.create_connection((suite.address, suite.ports[name]), 10) as client:
            unverified.wrap_socket(client, server_hostname=suite.address).close()
    with urllib.request.urlopen(f"{suite.page}health", timeout=10) as answer:
        assert answer.status == 200


def test_the_ready_file_says_who_runs_where(suite: Suite) -> None:
    status = suite.status
    assert suite.process
    assert status["pid"] == suite.process.pid
    assert set(status["services"]) == {service.name for service in SERVICES}
    assert set(status["servers"]) == {"postgres", "valkey"}
    assert all(lives(pid) for pid in all_pids(suite).values())
    assert set(status["ports"]) == set(PORTS)
    assert (status["domain"], status["hostname"]) == (f"[{suite.address}]", suite.address)
    with psycopg.connect(suite.database_url) as connection:
        assert connection.execute("SELECT current_user").fetchone() == ("operator",)


def test_it_prints_where_everything_is_and_a_link(suite: Suite) -> None:
    output = suite.output()
    assert suite.page in output
    assert all(str(port) in output for name, port in suite.ports.items() if name != "port_https")
    link = LINK.search(output)
    assert link
    assert f"ip={suite.ports['port_imaps']}" in link[0]
    code = output.index("█▀")
    assert code < link.start(), "the link stands below the code"


def test_nothing_listens_beyond_its_address(suite: Suite) -> None:
    other = free_address()
    for port in suite.ports.values():
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection((other, port), 10)


def test_sockets_and_data_are_closed_to_others(suite: Suite) -> None:
    data = suite.folder / "data"
    assert [path.stat().st_mode & 0o077 for path in (data, data / "run", data / "postgres", data / "log")] == [0] * 4


def test_stopping_leaves_nothing_and_a_second_start_finds_all(own: Suite) -> None:
    made = chatmail(own, "accounts", "create")
    ports, pids = own.ports, all_pids(own)
    assert own.stop() == 0
    until_gone(pids)
    assert not own.ready_file.exists()
    own.start()
    assert own.ports == ports
    assert made["address"] in {row["address"] for row in chatmail(own, "accounts", "list")}


def test_a_second_one_on_the_same_folder_says_so(suite: Suite) -> None:
    command = [sys.executable, "-m", "chatmail", "up", "--data", str(suite.folder / "data"), "--listen", free_address()]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 1
    assert f"in use by process {suite.status['pid']}" in done.stderr


def test_a_taken_port_is_named_with_its_holder(suite: Suite, tmp_path: Path) -> None:
    port = suite.ports["port_imap"]
    flags = [word for name in PORTS for word in ("--" + name.replace("_", "-"), "0")]
    command = [sys.executable, "-m", "chatmail", "up", "--data", str(tmp_path), "--listen", suite.address, *flags]
    done = subprocess.run([*command, "--port-imap", str(port)], capture_output=True, text=True)
    assert done.returncode == 1
    assert re.search(rf"port {port} is taken by \S+ \(process {suite.pid('imap')}\)", done.stderr)


def test_what_is_killed_comes_back(own: Suite) -> None:
    before = all_pids(own)
    for name in PROCESSES:
        own.kill_one(name)
        assert f"{name} ended with signal 9" in own.output()
    after = all_pids(own)
    assert {name for name in after if after[name] == before[name]} == {"parent"}
    assert chatmail(own, "accounts", "create")


def test_nothing_outlives_a_killed_parent_and_the_next_start_is_clean(own: Suite) -> None:
    made = chatmail(own, "accounts", "create")
    pids = all_pids(own)
    own.kill()
    own.start()
    until_gone(pids)
    assert made["address"] in {row["address"] for row in chatmail(own, "accounts", "list")}


def test_two_suites_run_side_by_side(suite: Suite, own: Suite) -> None:
    made = chatmail(own, "accounts", "create")["address"]
    assert made.endswith(f"@[{own.address}]")
    assert made not in {row["address"] for row in chatmail(suite, "accounts", "list")}


@pytest.mark.parametrize("key", [b"\x03"], ids=["Ctrl-C"])
def test_ctrl_c_at_a_terminal_stops_it_in_order(tmp_path: Path, key: bytes) -> None:
    ready = tmp_path / "ready.json"
    flags = [word for name in PORTS for word in ("--" + name.replace("_", "-"), "0")]
    words = ["up", "--data", str(tmp_path / "data"), "--listen", free_address(), "--ready-file", str(ready), *flags]
    pid, terminal = pty.fork()
    if pid == 0:
        os.execv(sys.executable, [sys.executable, "-m", "chatmail", *words])
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 60, 100, 0, 0))
    shown = b""
    try:
        while b"Ctrl-C stops everything" not in shown:
            shown += os.read(terminal, 65536)
        pids = {name: number for part in ("services", "servers") for name, number in _status(ready)[part].items()}
        os.write(terminal, key)
        shown += _rest(terminal)
    finally:
        _, status = os.waitpid(pid, 0)
        os.close(terminal)
    assert os.waitstatus_to_exitcode(status) == 0
    assert b"\x1b[38;5;16;48;5;231m" in shown, "the code is black on white whatever the terminal's colours"
    assert b"Traceback" not in shown
    assert b"ended with" not in shown
    until_gone(pids)


def _status(path: Path) -> Any:
    return json.loads(path.read_text())


def _rest(terminal: int) -> bytes:
    rest = b""
    while True:
        try:
            part = os.read(terminal, 65536)
        except OSError:  # EIO: the other side has closed it
            return rest
        if not part:
            return rest
        rest += part


def test_a_signal_while_it_starts_ends_it(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "chatmail", "up", "--data", str(tmp_path), "--listen", free_address()]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr
        for line in process.stderr:
            if line.startswith("starting Postgres"):
                process.send_signal(signal.SIGINT)
                break
        assert process.wait(60) == 0
    assert not (tmp_path / "postgres" / "postmaster.pid").exists()
