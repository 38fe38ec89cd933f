"""The embedded Postgres by itself: for what must be done to a data folder while no suite runs on it."""

import asyncio
import os
from collections.abc import Callable
from typing import IO, TypeVar

from chatmail import strays
from chatmail.embedded.postgres import STOP_SIGNAL, Postgres
from chatmail.folder import Folder
from chatmail.keeper import Keeper, Say
from chatmail.process import Command, Process

PATIENCE = 60.0
_T = TypeVar("_T")


def with_postgres(folder: Folder, act: Callable[[str], _T], say: Say) -> _T:
    """Run Postgres on the folder, made if it is not there, while `act` works with its owner's address.

    Raise Trouble where a suite runs there. `say` hears what goes wrong meanwhile.
    """
    folder.make()
    with folder.lock(), folder.open_log("postgres") as log:
        strays.stop(folder.run)
        return asyncio.run(_run(folder, log, act, say))


async def _run(folder: Folder, log: IO[bytes], act: Callable[[str], _T], say: Say) -> _T:
    server = Postgres(folder.postgres, folder.postgres_sockets)
    server.prepare()
    command = Command("postgres", server.command(), os.environ, STOP_SIGNAL, PATIENCE, log, server.popen())

    async def is_ready() -> bool:
        return server.is_ready()

    process = Process(command, lambda *_: None)
    keeper = Keeper(process, is_ready, say=say, on_change=lambda: None, before=server.clear)
    try:
        await keeper.start()
        return await asyncio.to_thread(act, server.url())
    finally:
        await keeper.stop()
