"""How a service's process lives: started for real, told by signals."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[4]
SERVICE = """
import asyncio, os, sys
from shared import log
from shared.listen.limits import SourceLimits
from shared.listen.listener import Listener
from shared.listen.run import run, serve

def tell(line):
    os.write(1, line.encode() + b"\\n")  # one write, so that two workers' lines stay lines

async def main(stopping):
    tell(f"up {os.getpid()}")
    if sys.argv[2] == "fail":
        raise RuntimeError("the password of somebody")
    if sys.argv[2] == "taken":
        raise OSError(98, "cannot listen on 127.0.0.1 port 25: Address already in use")
    if sys.argv[2] == "end":
        return
    if sys.argv[2] == "starting":
        try:
            await asyncio.sleep(600)  # for a database, say
        finally:
            tell("tidied")
    if sys.argv[2] == "background":
        async def watch():
            await asyncio.sleep(0)
            raise RuntimeError("the password of somebody")
        await serve(Listener([], SourceLimits(9, 9, 9)), stopping, asyncio.sleep(0), asyncio.sleep(600), watch())
    await stopping.wait()
    tell("stopped")

log.configure("test")
run(main, int(sys.argv[1]))
"""


def start(workers: int, what: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", SERVICE, str(workers), what],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_in_order(workers: int, number: signal.Signals) -> None:
    with start(workers, "wait") as process:
        assert process.stdout
        for _ in range(workers):
            assert process.stdout.readline().startswith("up")
        process.send_signal(number)
        assert process.stdout.read().count("stopped") == workers
        assert process.wait() == 0


def test_workers_end_with_their_parent() -> None:
    with start(2, "wait") as process:
        assert process.stdout
        for _ in range(2):
            assert process.stdout.readline().startswith("up")
        process.kill()
        assert process.stdout.read().count("stopped") == 2


def test_one_worker_that_dies_ends_all() -> None:
    with start(2, "wait") as process:
        assert process.stdout
        workers = [int(process.stdout.readline().split()[1]) for _ in range(2)]
        os.kill(workers[0], signal.SIGKILL)
        assert process.stdout.read().count("stopped") == 1
        assert process.wait() != 0


@pytest.mark.parametrize("workers", [1, 2])
def test_an_error_of_ours_is_told_without_its_text(workers: int) -> None:
    with start(workers, "fail") as process:
        _, told = process.communicate()
    assert process.returncode == 1
    assert "RuntimeError" in told
    assert "password" not in told


@pytest.mark.parametrize("workers", [1, 2])
def test_a_taken_port_is_told_in_one_line(workers: int) -> None:
    with start(workers, "taken") as process:
        _, told = process.communicate()
    assert process.returncode == 1
    assert "127.0.0.1 port 25" in told
    assert "Traceback" not in told


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_a_service_that_is_still_starting(workers: int, number: signal.Signals) -> None:
    with start(workers, "starting") as process:
        assert process.stdout
        for _ in range(workers):
            assert process.stdout.readline().startswith("up")
        process.send_signal(number)
        try:
            assert process.stdout.read().count("tidied") == workers
            assert process.wait(30) == 0
        finally:
            process.kill()


@pytest.mark.parametrize("workers", [1, 2])
def test_work_in_the_background_that_fails_ends_the_service(workers: int) -> None:
    with start(workers, "background") as process:
        try:
            _, told = process.communicate(timeout=30)
        finally:
            process.kill()
    assert process.returncode == 1
    assert "background_failed error=RuntimeError" in told
    assert "password" not in told


def test_a_service_that_is_done_ends() -> None:
    with start(1, "end") as process:
        process.communicate()
    assert process.returncode == 0


def test_the_listener_drains_under_uvloop(tmp_path: Path, pair: tuple[str, str]) -> None:
    script = tmp_path / "service.py"
    script.write_text(
        "import asyncio, sys\n"
        "from shared.listen.door import Door\n"
        "from shared.listen.limits import SourceLimits\n"
        "from shared.listen.listener import Listener\n"
        "from shared.listen.run import run, serve\n"
        "class Greeter(asyncio.Protocol):\n"
        "    def __init__(self, ticket): self.ticket = ticket\n"
        "    def connection_made(self, transport):\n"
        "        transport.write(b'hello')\n"
        "        self.ticket.on_drain = lambda: (transport.write(b' bye'), transport.close())\n"
        "    def connection_lost(self, error): self.ticket.close()\n"
        "async def main(stopping):\n"
        "    listener = Listener([Door('127.0.0.1', 0, Greeter)], SourceLimits(9, 9, 9))\n"
        "    async def tell():\n"
        "        while not listener.ports: await asyncio.sleep(0.01)\n"
        "        print(listener.ports[0], flush=True)\n"
        "    await serve(listener, stopping, tell())\n"
        "run(main)\n"
    )
    with subprocess.Popen([sys.executable, script], stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stdout
        port = int(process.stdout.readline())
        with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
            assert client.recv(5) == b"hello"
            process.terminate()
            assert client.recv(10) == b" bye"
            assert client.recv(10) == b""
        assert process.wait() == 0


def test_a_service_may_open_as_many_files_as_the_system_allows() -> None:
    script = (
        "import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (100, 300)); from shared.listen import run;"
        "run.allow_files(); print(resource.getrlimit(resource.RLIMIT_NOFILE))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "(300, 300)\n"


def test_a_service_counts_from_nothing_where_several_are_forked_from_one_process() -> None:
    script = (
        "from shared.listen.run import run\n"
        "from shared.metrics.page import PAGE\n"
        "PAGE.row[99] = 5\n"
        "shared_by_all = PAGE.rows\n"
        "async def main(stopping):\n"
        "    print(PAGE.row[99], PAGE.rows is shared_by_all)\n"
        "run(main)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout == "0.0 False\n"
