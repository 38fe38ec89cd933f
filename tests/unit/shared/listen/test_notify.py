"""What systemd is told, by whom: a socket of the tests' own stands for systemd's."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from shared.listen import notify

ROOT = Path(__file__).parents[4]
SERVICE = """
import sys
from shared import log
from shared.listen.limits import SourceLimits
from shared.listen.listener import Listener
from shared.listen.run import run, serve

log.configure("test")
run(lambda stopping: serve(Listener([], SourceLimits(9, 9, 9)), stopping), int(sys.argv[1]))
"""


@pytest.fixture(params=["file", "abstract"])
def manager(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[socket.socket, str]]:
    """A socket that waits to be told, and its name as systemd writes it."""
    name = str(tmp_path / "notify") if request.param == "file" else f"@chatmail-test-{os.getpid()}-{tmp_path.name}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind("\0" + name[1:] if name.startswith("@") else name)
        sock.settimeout(30)
        yield sock, name


def test_a_state_is_a_datagram(manager: tuple[socket.socket, str]) -> None:
    sock, name = manager
    notify.tell(notify.READY, name)
    assert sock.recv(100) == b"READY=1"


def test_the_name_is_in_the_environment_until_it_is_taken(
    manager: tuple[socket.socket, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    sock, name = manager
    monkeypatch.setenv("NOTIFY_SOCKET", name)
    notify.tell(notify.STOPPING)
    assert sock.recv(100) == b"STOPPING=1"
    assert notify.take() == name
    assert "NOTIFY_SOCKET" not in os.environ
    assert notify.take() == ""
    sock.setblocking(False)
    notify.tell(notify.READY)
    with pytest.raises(BlockingIOError):
        sock.recv(100)


@pytest.mark.parametrize(
    "name", ["", "relative", "/nowhere/to/be/found", "@nobody-listens-here", "/" + "x" * 200, "/\0"]
)
def test_who_is_not_there_is_not_told(name: str) -> None:
    notify.tell(notify.READY, name)


@pytest.mark.parametrize("workers", [1, 2])
def test_a_service_tells_when_it_is_ready_and_when_it_stops(manager: tuple[socket.socket, str], workers: int) -> None:
    sock, name = manager
    process = subprocess.Popen(
        [sys.executable, "-c", SERVICE, str(workers)], cwd=ROOT, env={**os.environ, "NOTIFY_SOCKET": name}
    )
    try:
        assert [sock.recv(100) for _ in range(workers)] == [b"READY=1"] * workers
        process.send_signal(signal.SIGTERM)
        assert [sock.recv(100) for _ in range(workers)] == [b"STOPPING=1"] * workers
        assert process.wait(30) == 0
    finally:
        process.kill()
        process.wait()
