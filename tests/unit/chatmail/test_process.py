"""A child is heard, stopped with patience, and gone with its parent."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from chatmail.process import Command, Process

PARENT = """
import asyncio, os, sys
from chatmail.process import Command, Process

async def main():
    child = Process(Command("sleep", ["sleep", "60"], os.environ), lambda *_: None)
    await child.start()
    print(child.pid, flush=True)
    await child.wait()

asyncio.run(main())
"""


def python(code: str, **options: float) -> Process:
    heard: list[str] = []
    command = Command("child", [sys.executable, "-u", "-c", code], os.environ, **options)  # type: ignore[arg-type]
    return Process(command, lambda _, line: heard.append(line))


async def ended(process: Process) -> int:
    await process.start()
    return await process.wait()


async def test_its_lines_and_its_status_are_known() -> None:
    process = python("import sys; print('one'); print('two', file=sys.stderr, end=''); sys.exit(3)")
    assert await ended(process) == 3
    assert list(process.last_lines) == ["one", "two"]
    assert not process.is_running


@pytest.mark.parametrize(
    ("line", "is_ready"),
    [
        ("2026-11-22T10:00:00 queue-worker I ready ports=", True),
        ("2026-11-22T10:00:00 queue-worker I ready", True),
        ("2026-11-22T10:00:00 queue-worker E ready", False),
        ("not ready yet", False),
        ("2026-11-22T10:00:00 queue-worker I stopping ready", False),
    ],
)
async def test_it_says_when_it_is_ready(line: str, is_ready: bool) -> None:
    process = python(f"print({line!r})")
    await ended(process)
    assert process.has_said_ready is is_ready


async def test_what_it_said_before_does_not_count_after_a_restart(tmp_path: Path) -> None:
    process = python(f"import os; os.path.exists({str(tmp_path / 'x')!r}) or print('t s I ready')")
    await ended(process)
    assert process.has_said_ready
    (tmp_path / "x").touch()
    await ended(process)
    assert not process.has_said_ready


async def test_a_long_line_without_an_end_is_bounded() -> None:
    process = python("print('x' * 1_000_000, end='')")
    await ended(process)
    assert len(process.last_lines[0]) <= 65536 * 2


async def test_it_is_asked_before_it_is_killed() -> None:
    process = python("import signal, time\nsignal.signal(15, lambda *_: exit(0))\nprint('up')\ntime.sleep(60)")
    await process.start()
    while not process.last_lines:
        await asyncio.sleep(0.01)
    await process.stop()
    assert await process.wait() == 0


async def test_it_is_killed_when_patience_ends() -> None:
    process = python(
        "import signal, time\nsignal.signal(15, signal.SIG_IGN)\nprint('up')\ntime.sleep(60)", patience=0.1
    )
    await process.start()
    while not process.last_lines:
        await asyncio.sleep(0.01)
    await process.stop()
    assert await process.wait() == -signal.SIGKILL


async def test_ctrl_c_does_not_reach_it() -> None:
    process = python("import time; time.sleep(60)")
    await process.start()
    assert os.getpgid(process.pid) == process.pid != os.getpgid(0)
    process.kill()
    await process.wait()


def test_it_dies_with_its_parent() -> None:
    with subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE) as parent:
        assert parent.stdout
        child = int(parent.stdout.readline())
        os.kill(child, 0)
        parent.kill()
    deadline = time.monotonic() + 30
    while _lives(child):
        assert time.monotonic() < deadline, "the child outlived its parent"
        time.sleep(0.01)


def _lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except FileNotFoundError:
        return False
