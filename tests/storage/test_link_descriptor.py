"""A lost connection's descriptor belongs to whoever got it since: closing must leave it alone."""

import asyncio
import os
import socket
from contextlib import ExitStack

import psycopg

from shared.storage.link import Link


async def test_closing_a_lost_connection_leaves_alone_who_has_its_descriptor_now(database_urls: dict[str, str]) -> None:
    url = database_urls["postgres"]
    connection = await psycopg.AsyncConnection.connect(url, autocommit=True)
    is_lost, is_heard = asyncio.Event(), asyncio.Event()
    link, descriptor = Link(connection, is_lost.set), connection.fileno()
    process = connection.info.backend_pid
    with psycopg.connect(url, autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(%s)", (process,))
    async with asyncio.timeout(30):
        await is_lost.wait()

        class Client(asyncio.Protocol):
            def data_received(self, data: bytes) -> None:
                is_heard.set()

        with ExitStack() as stack:
            ours, theirs = socket.socketpair()
            stack.enter_context(theirs)
            if ours.fileno() != descriptor:  # as the next accept(2) would
                os.dup2(ours.fileno(), descriptor)
                ours.close()
                ours = socket.socket(fileno=descriptor)
            transport, _ = await asyncio.get_running_loop().create_connection(Client, sock=ours)
            try:
                await link.close()
                theirs.send(b"x")
                await is_heard.wait()
            finally:
                transport.abort()
                await asyncio.sleep(0)
