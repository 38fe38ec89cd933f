"""What the starter of `chatmail up` left behind, or how its Python was built, must not keep it from starting."""

import os
import subprocess
import sys

import pytest

PROGRAM = """
import asyncio, os, signal, sys
{before}
from chatmail.nursery import Nursery
from chatmail.process import Command, Process

nursery = Nursery.open(["this"])

async def main():
    words = [sys.executable, "-c", "pass"]
    child = Process(Command("some-service", words, dict(os.environ), module="json.tool"), lambda _, line: None, nursery)
    await child.start()
    async with asyncio.timeout(30):
        await child.wait()

asyncio.run(main())
if nursery:
    nursery.close()
"""


@pytest.mark.parametrize(
    "before",
    [
        pytest.param("signal.signal(signal.SIGCHLD, signal.SIG_IGN)", id="started by one who ignores SIGCHLD"),
        pytest.param("del os.pidfd_open", id="Python was built where pidfd_open(2) was not known"),
    ],
)
def test_a_child_starts_and_its_end_is_known(before: str) -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    words = [sys.executable, "-P", "-c", PROGRAM.format(before=before)]
    done = subprocess.run(words, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
