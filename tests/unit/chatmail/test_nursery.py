"""Who is born of the nursery is a child of ours like one that was run, and knows what it was told and no more.

Each test is a program of its own: what is forked must not be a copy of pytest.
"""

import importlib
import json
import os
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from chatmail.nursery import Nursery
from chatmail.suite import MODULES

# `born` is in the nursery, and does what its environment says.
BORN = """
import os, sys, time

def main():
    exec(os.environ["CODE"])
"""

PARENT = """
import asyncio, json, os, secrets, signal, sys
from pathlib import Path
from chatmail.nursery import Nursery
from chatmail.process import Command, Process

nursery = Nursery.open(["born"])
assert nursery
heard = []

def process(code, **environment):
    command = Command("some-service", [sys.executable, "-c", code], {"CODE": code, **environment}, module="born")
    return Process(command, lambda _, line: heard.append(line), nursery)

async def until(is_done):
    async with asyncio.timeout(60):
        while not is_done():
            await asyncio.sleep(0.01)

def tell(value):
    print(json.dumps(value), flush=True)

def memory(pid):
    found = b""
    with open(f"/proc/{pid}/mem", "rb", 0) as octets:
        for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
            place, rights = line.split()[:2]
            if rights.startswith("rw"):
                start, end = (int(part, 16) for part in place.split("-"))
                octets.seek(start)
                found += octets.read(end - start)
    return found

async def main():
"""


def start(folder: Path, body: str) -> subprocess.Popen[str]:
    (folder / "born.py").write_text(BORN)
    program = PARENT + textwrap.indent(textwrap.dedent(body), "    ") + "\nasyncio.run(main())\n"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(folder), *filter(None, sys.path)])}
    command = [sys.executable, "-P", "-c", program]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def play(folder: Path, body: str) -> Any:
    """Run a parent, and return what it told last."""
    with start(folder, body) as parent:
        told, complaint = parent.communicate()
    assert parent.returncode == 0, complaint
    return json.loads(told.splitlines()[-1])


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("pass", 0),
        ("sys.exit()", 0),
        ("sys.exit(3)", 3),
        ("sys.exit('no')", 1),
        ("raise RuntimeError", 1),
        ("os.kill(os.getpid(), 9)", -9),
        ("os.kill(os.getpid(), 2); time.sleep(60)", 130),
    ],
)
def test_its_end_is_known(tmp_path: Path, code: str, status: int) -> None:
    body = f"""
        child = process({code!r})
        await child.start()
        tell([await child.wait(), child.is_running])
    """
    assert play(tmp_path, body) == [status, False]


def test_its_lines_are_heard(tmp_path: Path) -> None:
    body = """
        child = process("print('one'); print('two', file=sys.stderr); sys.exit('three')")
        await child.start()
        await child.wait()
        tell(heard)
    """
    assert play(tmp_path, body) == ["one", "two", "three"]


def test_it_is_our_child_and_apart_from_us(tmp_path: Path) -> None:
    code = (
        "print(os.getppid(), os.getpid(), os.getsid(0), os.read(0, 1), open('/proc/self/comm').read().strip(),"
        " open('/proc/self/cmdline').read().strip(chr(0)), len(os.listdir('/proc/self/fd')))"
    )
    body = f"""
        child = process({code!r})
        await child.start()
        await child.wait()
        tell([os.getpid(), child.pid, heard[0].split()])
    """
    ours, pid, said = play(tmp_path, body)
    assert said[:5] == [str(ours), str(pid), str(pid), "b''", "some-service"]
    assert " ".join(said[5:7]) == "chatmail: some-service"
    assert int(said[7]) == 4, "standard input, output, error, and the folder that is being read"


def test_it_is_given_its_environment_and_no_other(tmp_path: Path) -> None:
    body = """
        os.environ["OURS"] = "1"
        child = process("print(sorted(os.environ))", ITS="2")
        await child.start()
        await child.wait()
        tell(heard)
    """
    assert play(tmp_path, body) == ["['CODE', 'ITS']"]


def test_what_one_is_told_is_in_no_other_and_not_in_the_nursery(tmp_path: Path) -> None:
    body = """
        secret = secrets.token_hex(20)
        one, other = process("print(1); time.sleep(600)", SECRET=secret), process("print(2); time.sleep(600)")
        await one.start()
        await other.start()
        await until(lambda: len(heard) == 2)
        tell([secret.encode() in memory(pid) for pid in (os.getpid(), one.pid, other.pid, nursery.pid)])
        one.kill()
        other.kill()
    """
    assert play(tmp_path, body) == [True, True, False, False]


def test_an_end_without_an_order_is_seen_and_another_can_be_born(tmp_path: Path) -> None:
    body = """
        child = process("time.sleep(600)")
        await child.start()
        first = child.pid
        os.kill(first, signal.SIGKILL)
        status = await child.wait()
        await child.start()
        tell([status, child.pid != first, child.is_running])
        await child.stop()
    """
    assert play(tmp_path, body) == [-9, True, True]


def test_without_the_nursery_it_runs_by_itself(tmp_path: Path) -> None:
    body = """
        before = process("print('born'); time.sleep(600)")
        await before.start()
        os.kill(nursery.pid, signal.SIGKILL)
        after = process("import time; print('run', flush=True); time.sleep(600)")
        await after.start()
        await until(lambda: {"born", "run"} <= set(heard))
        tell([before.is_running, after.is_running, nursery.is_open, heard])
        await before.stop()
        await after.stop()
    """
    is_born, is_run, is_open, heard = play(tmp_path, body)
    assert (is_born, is_run, is_open) == (True, True, False)
    assert any("nursery has ended" in line for line in heard)


def test_a_nursery_that_hangs_is_not_waited_for(tmp_path: Path) -> None:
    body = """
        import chatmail.nursery
        chatmail.nursery.BIRTH_SECONDS = 0.1
        os.kill(nursery.pid, signal.SIGSTOP)
        child = process("print('run')")
        await child.start()
        await child.wait()
        tell([heard[-1], nursery.is_open])
    """
    assert play(tmp_path, body) == ["run", False]


def test_a_closed_nursery_leaves_nothing_and_nobody_alone(tmp_path: Path) -> None:
    body = """
        child = process("time.sleep(600)")
        await child.start()
        nursery.close()
        tell([Path(f"/proc/{nursery.pid}").exists(), child.is_running])
        await child.stop()
    """
    assert play(tmp_path, body) == [False, True]


def test_all_die_with_their_parent(tmp_path: Path) -> None:
    body = """
        child = process("time.sleep(600)")
        await child.start()
        tell([child.pid, nursery.pid])
        await child.wait()
    """
    with start(tmp_path, body) as parent:
        assert parent.stdout
        pids = json.loads(parent.stdout.readline())
        for pid in pids:
            os.kill(pid, 0)
        parent.kill()
    deadline = time.monotonic() + 60
    while any(_lives(pid) for pid in pids):
        assert time.monotonic() < deadline, "somebody outlived the parent"
        time.sleep(0.01)


def test_a_process_with_threads_is_not_copied() -> None:
    done = threading.Event()
    thread = threading.Thread(target=done.wait)
    thread.start()
    try:
        assert Nursery.open(MODULES) is None
    finally:
        done.set()
        thread.join()


def test_what_the_nursery_imports_is_there() -> None:
    for module in MODULES:
        assert callable(importlib.import_module(module).main)


def test_importing_the_services_starts_and_opens_nothing() -> None:
    """What is running or open when the nursery is copied would be shared by all services, or broken in each."""
    program = (
        "import importlib, os, sys, threading\n"
        "before = len(os.listdir('/proc/self/fd'))\n"
        f"for module in {MODULES!r}: importlib.import_module(module)\n"
        "print(threading.active_count(), len(os.listdir('/proc/self/task')), len(os.listdir('/proc/self/fd')) - before)"
    )
    assert subprocess.check_output([sys.executable, "-c", program], text=True).split() == ["1", "1", "0"]


def _lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except FileNotFoundError:
        return False
