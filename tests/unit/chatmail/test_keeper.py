"""A kept process is started again, with growing pauses, and is announced when it is ready."""

import asyncio
import os
import sys

import pytest

from chatmail import keeper as room
from chatmail.keeper import Keeper
from chatmail.process import Command, Process
from chatmail.trouble import Trouble


class Scene:
    def __init__(self, code: str) -> None:
        command = Command("service", [sys.executable, "-u", "-c", code], os.environ)
        self.process = Process(command, lambda *_: None)
        self.said: list[str] = []
        self.changes: list[int] = []
        self.cleared = 0
        self.keeper = Keeper(
            self.process,
            self.is_ready,
            say=self.said.append,
            on_change=self.changed,
            before=self.clear,
        )
        self.troubles: list[Exception] = []  # one for each change to come

    async def is_ready(self) -> bool:
        return self.process.has_said_ready

    def clear(self) -> None:
        self.cleared += 1

    def changed(self) -> None:
        self.changes.append(self.process.pid)
        if self.troubles:
            raise self.troubles.pop(0)

    async def until_replaced(self, pid: int) -> None:
        async with asyncio.timeout(30):
            while self.changes.count(self.process.pid) < 2 or self.process.pid == pid:
                await asyncio.sleep(0.01)


async def test_it_is_started_again_after_a_kill() -> None:
    scene = Scene("import time; print('t s I ready'); time.sleep(60)")
    await scene.keeper.start()
    first = scene.process.pid
    scene.process.kill()
    await scene.until_replaced(first)
    assert scene.said == [
        "service ended with signal 9; starting it again",
        f"service runs again as process {scene.process.pid}",
    ]
    assert scene.cleared == 1
    await scene.keeper.stop()
    assert not scene.process.is_running


@pytest.mark.parametrize("change", [1, 2])
async def test_no_error_of_ours_ends_the_keeping(monkeypatch: pytest.MonkeyPatch, change: int) -> None:
    monkeypatch.setattr(room, "FIRST_PAUSE", 0.01)
    scene = Scene("import time; print('t s I ready'); time.sleep(60)")
    await scene.keeper.start()
    scene.troubles = [RuntimeError("what is this")] * change
    for _ in range(3):
        pid = scene.process.pid
        scene.process.kill()
        await scene.until_replaced(pid)
    assert any("what is this" in line for line in scene.said)
    await scene.keeper.stop()


async def test_a_terminal_that_is_gone_ends_no_keeping() -> None:
    scene = Scene("import time; print('t s I ready'); time.sleep(60)")

    def gone(_line: str) -> None:
        raise BrokenPipeError

    scene.keeper._say = gone
    await scene.keeper.start()
    first = scene.process.pid
    scene.process.kill()
    await scene.until_replaced(first)
    await scene.keeper.stop()


async def test_who_cannot_hear_it_ends_no_keeping() -> None:
    scene = Scene("import time; print('t s I ready'); time.sleep(60)")

    def deaf(_name: str, _line: str) -> None:
        scene.process._hear = lambda *_: None
        raise BrokenPipeError

    scene.process._hear = deaf
    await scene.keeper.start()
    first = scene.process.pid
    scene.process.kill()
    await scene.until_replaced(first)
    await scene.keeper.stop()


async def test_one_that_never_starts_is_trouble_with_its_last_words() -> None:
    scene = Scene("print('port 25 is taken'); exit(1)")
    with pytest.raises(Trouble, match=r"service ended with status 1: port 25 is taken"):
        await scene.keeper.start()
    assert scene.said == []


async def test_one_that_is_never_ready_is_trouble(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "READY_SECONDS", 0.05)
    scene = Scene("import time; time.sleep(60)")
    with pytest.raises(Trouble, match=r"service is not ready"):
        await scene.keeper.start()
    await scene.keeper.stop()


async def test_pauses_grow_while_it_keeps_ending(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    scene = Scene("print('t s I ready')")
    real_sleep = asyncio.sleep

    async def sleep(seconds: float) -> None:
        if seconds >= room.FIRST_PAUSE:
            pauses.append(seconds)
        await real_sleep(0)

    monkeypatch.setattr("chatmail.keeper.asyncio.sleep", sleep)
    await scene.keeper.start()
    async with asyncio.timeout(60):
        while len(pauses) < 4:
            await real_sleep(0.01)
    await scene.keeper.stop()
    assert pauses[:4] == [0.1, 0.2, 0.4, 0.8]
