"""Opens a connection to the first address of a host that answers (RFC 8305, in small)."""

import asyncio
import errno
from collections.abc import Sequence

from queue_worker.transport import places
from queue_worker.transport.channel import Channel
from queue_worker.transport.places import IpAddress, Kind
from queue_worker.transport.values import NoSockets, Stopped, Terms, try_later

STAGGER = 0.3  # seconds before the next address is tried beside the one that has not answered yet

_EXHAUSTED = {errno.EMFILE, errno.ENFILE}

NO_WAY = try_later("4.4.1", "No connection to the server")


async def dial(addresses: Sequence[IpAddress], port: int, terms: Terms, seconds: float) -> Channel:
    """Return an open connection within `seconds`; raise Stopped, or NoSockets where the fault is ours."""
    loop = asyncio.get_running_loop()
    end = loop.time() + seconds
    waiting, trying, are_sockets_left = list(addresses), set[asyncio.Task[Channel]](), True
    try:
        while (waiting or trying) and loop.time() < end:
            if waiting:
                trying.add(loop.create_task(_open(waiting.pop(0), port, terms)))
            patience = min(STAGGER, end - loop.time()) if waiting else end - loop.time()
            done, trying = await asyncio.wait(trying, timeout=patience, return_when=asyncio.FIRST_COMPLETED)
            are_sockets_left &= not any(map(_is_exhausted, done))
            opened = [task.result() for task in done if not task.exception()]
            if opened:
                for late in opened[1:]:
                    late.abort()
                return opened[0]
    finally:
        await _drop(trying)
    raise Stopped(NO_WAY) if are_sockets_left else NoSockets


def _is_exhausted(task: asyncio.Task[Channel]) -> bool:
    error = task.exception()
    return isinstance(error, OSError) and error.errno in _EXHAUSTED


async def _open(address: IpAddress, port: int, terms: Terms) -> Channel:
    source = _source(address, terms.sources)
    loop = asyncio.get_running_loop()
    _, channel = await loop.create_connection(Channel, str(address), port, local_addr=(source, 0) if source else None)
    return channel


async def _drop(tasks: set[asyncio.Task[Channel]]) -> None:
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks)
    for task in tasks:
        if not task.cancelled() and not task.exception():
            task.result().abort()


def _source(target: IpAddress, sources: Sequence[str]) -> str | None:
    """Return the address of ours to dial from: servers known by address alone are recognised by it."""
    for text in sources:
        address = places.read(text)
        if address is None or address.is_unspecified or address.version != target.version:
            continue
        # Who listens on loopback stands behind something else: from there only loopback can be reached.
        if places.kind(address) is not Kind.LOOPBACK or places.kind(target) is Kind.LOOPBACK:
            return text
    return None
