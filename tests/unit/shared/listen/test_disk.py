"""Room on the disk."""

import asyncio
import os
from pathlib import Path

import pytest

from shared.listen.disk import Disk


def test_low_is_under_the_minimum(tmp_path: Path) -> None:
    found = os.statvfs(tmp_path)
    free = found.f_bavail * found.f_frsize
    assert not Disk(tmp_path, free // 2).is_low
    assert Disk(tmp_path, free * 2 + 1).is_low


def test_a_path_that_is_not_there_refuses_nothing(tmp_path: Path) -> None:
    assert not Disk(tmp_path / "absent", 10**18).is_low


async def test_watch_looks_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    disk = Disk(tmp_path, 1)
    monkeypatch.setattr(disk, "_minimum", 10**18)
    watching = asyncio.create_task(disk.watch(0.01))
    while not disk.is_low:
        await asyncio.sleep(0.01)
    watching.cancel()
