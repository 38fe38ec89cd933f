"""Who is there: every process of a service says so every few seconds, with a few numbers of its own.

The numbers are JSON, each with its name: who reads one it does not know passes it over, one that is missing is nothing.
A process of an older version says a plain integer: its connections.
"""

import asyncio
import contextlib
import json
import os
from pathlib import Path
from typing import Any

from shared import VERSION
from shared.metrics import catalog
from shared.queue import contract
from shared.queue.client import Away, be_cancelled, open_async

EVERY_SECONDS = 5.0
KEPT_SECONDS = 15

_STATM = Path("/proc/self/statm")  # proc(5): sizes in pages, the second one resident
_PAGE = os.sysconf("SC_PAGE_SIZE")


async def announce(url: str, service: str) -> None:
    """Tell Redis for ever that this process of `service` is alive; Redis away is nobody's trouble here."""
    key = f"{contract.PRESENCE}{service}:{os.uname().nodename}:{os.getpid()}"
    async with open_async(url) as redis:
        while True:
            with contextlib.suppress(*Away):
                await redis.set(key, json.dumps(_numbers()), ex=KEPT_SECONDS)
            be_cancelled()
            await asyncio.sleep(EVERY_SECONDS)


def _numbers() -> dict[str, Any]:
    """Return what this process has counted since it started; `readable` by bound, so that it can be added up."""
    return {
        "version": VERSION,
        "rss": _resident(),
        "connections": int(catalog.CONNECTIONS.here()),
        "turned_away": int(catalog.ACCEPTS.here_of("refused")),
        "accepted": int(catalog.MESSAGES.here()),
        "refused": int(catalog.REFUSALS.here()),
        "logins": int(catalog.LOGINS.here_of("ok") + catalog.LOGINS.here_of("new")),
        "readable": catalog.READABLE.here(),
    }


def _resident() -> int:
    """Return the octets of memory this process holds, shared ones included; 0 where nobody tells."""
    try:
        return int(_STATM.read_text().split()[1]) * _PAGE
    except OSError:
        return 0
