"""Plays every IMAP dialogue whole and byte by byte in process, and against the real socket, on the memory store."""

import asyncio
import ssl
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest
import uvloop

from shared.listen.certificate import Certificate
from shared.storage import selfsigned
from tests.dialogs import player
from tests.dialogs.imap_rig import Rig

FILES = player.files(Path(__file__).parent / "imap")


@pytest.fixture(scope="module")
def tls() -> ssl.SSLContext:
    return Certificate(selfsigned.make(["127.0.0.1"]), None).context()


def test_there_are_enough() -> None:
    assert len(FILES) >= 65


@pytest.mark.parametrize("is_bytewise", [False, True], ids=["whole", "bytewise"])
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_in_process(path: Path, is_bytewise: bool, tls: ssl.SSLContext) -> None:
    dialog = player.parse(path)
    if dialog.value("play") != "socket":
        _run(_play_in_process(dialog, is_bytewise, tls))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_on_a_socket(path: Path, tls: ssl.SSLContext) -> None:
    _run(_play_on_a_socket(player.parse(path), tls))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_compressed(path: Path, tls: ssl.SSLContext) -> None:
    dialog = player.parse(path)
    if dialog.value("begin") and not any(b"COMPRESS" in step.data for step in dialog.steps):
        dialog.header.append(("compress", "begin"))
        _run(_play_in_process(dialog, False, tls))


async def _play_in_process(dialog: player.Dialog, is_bytewise: bool, tls: ssl.SSLContext) -> None:
    rig = Rig(dialog, tls)
    wire = rig.in_memory()
    await player.play(rig.played, wire, bytewise=is_bytewise, event=rig.event)
    await wire.close()
    assert not wire.transport.buffer, "the server said more than the dialogue knows"


async def _play_on_a_socket(dialog: player.Dialog, tls: ssl.SSLContext) -> None:
    rig = Rig(dialog, tls)
    listener, wire = await rig.on_socket()
    try:
        await player.play(rig.played, wire, event=rig.event)
    finally:
        await wire.close()
        await listener.drain(5)
    assert not len(rig.registry)


def _run(played: Coroutine[Any, Any, None]) -> None:
    # The loop that serves is the loop that is tested.
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(played)
