"""The bell: a hint to look, sent after a commit and allowed to be lost (design §4.1).

Strategy: ringing never waits and never fails. Rings pile up while a publication is on its way and then go
together. Listening reconnects by itself; after every (re)connection the listener is told to look everywhere, as
what rang in between is lost.
"""

import asyncio
import contextlib
from collections.abc import Sequence
from typing import Protocol

from shared import log
from shared.queue import contract
from shared.queue.client import Away, be_cancelled, open_async

MAX_PENDING = 50_000
RECONNECT_SECONDS = 0.5
SILENCE_SECONDS = 5.0  # after this much silence the connection is asked whether it lives


class Bell:
    """Rings for committed changes; `gather` seconds long rings are gathered, since each publication costs the same."""

    def __init__(self, url: str, gather: float = 0.0) -> None:
        self._redis = open_async(url)
        self._gather = gather
        self._pending: dict[int, int] = {}
        self._arrivals: list[tuple[int, int, int, int]] = []
        self._task: asyncio.Task[None] | None = None

    def ring(self, rings: Sequence[tuple[int, int]]) -> None:
        """Say that mailboxes changed, as (mailbox id, modseq); returns at once."""
        for mailbox_id, modseq in rings:
            if modseq > self._pending.get(mailbox_id, 0):
                self._pending[mailbox_id] = modseq
        if self._pending and self._task is None:
            self._task = asyncio.create_task(self._publish())

    def announce(self, arrivals: Sequence[tuple[int, int, int, int]]) -> None:
        """Say that messages came, as (mailbox id, modseq, uid, ms since 1970); returns at once."""
        if len(self._arrivals) < MAX_PENDING:  # else Redis hangs, and sessions ask what came
            self._arrivals += arrivals
        self.ring([arrival[:2] for arrival in arrivals])

    async def close(self) -> None:
        if self._task:
            await self._task
        await self._redis.aclose()

    async def _publish(self) -> None:
        try:
            while self._pending:
                await asyncio.sleep(self._gather)
                payload = contract.write(self._pending.items(), self._arrivals)
                self._pending, self._arrivals = {}, []
                await self._redis.publish(contract.BELL, payload)
        except Away:
            # Sessions look by themselves; keeping old rings would only tell them what they have seen.
            self._pending.clear()
            self._arrivals.clear()
        finally:
            self._task = None


class Hearer(Protocol):
    """Who is told what the bell says (`imap.registry.Registry`)."""

    def ring(self, mailbox_id: int, modseq: int) -> None:
        """Hear that a mailbox has come to a modseq."""

    def arrived(self, mailbox_id: int, modseq: int, uid: int, at: int) -> None:
        """Hear that this modseq, for which it rings next, is that of a message; `at` in ms since 1970."""

    def look_all(self) -> None:
        """Strokes may have been missed."""


class Listener:
    """Hears the bell."""

    def __init__(self, url: str, hearer: Hearer) -> None:
        self._redis = open_async(url)
        self._hearer = hearer
        self.is_connected = False

    async def listen(self) -> None:
        """Tell the hearer what rings, and when rings may have been missed."""
        while True:
            try:
                await self._listen_once()
            except Away:
                be_cancelled()
                if self.is_connected:
                    log.event("bell-away")
                self.is_connected = False
                await asyncio.sleep(RECONNECT_SECONDS)

    async def close(self) -> None:
        self.is_connected = False
        with contextlib.suppress(*Away):
            await self._redis.aclose()

    async def _listen_once(self) -> None:
        async with self._redis.pubsub() as pubsub:
            await pubsub.subscribe(contract.BELL)
            is_asked = False
            while True:
                message = await pubsub.get_message(timeout=SILENCE_SECONDS)
                if message is None:
                    if is_asked:
                        raise TimeoutError
                    await pubsub.ping()
                    is_asked = True
                    continue
                is_asked = False
                self._hear(message)

    def _hear(self, message: dict[str, object]) -> None:
        data = message["data"]
        if message["type"] == "subscribe":
            self.is_connected = True
            log.event("bell-heard")
            self._hearer.look_all()
        elif message["type"] == "message" and isinstance(data, bytes):
            rings, arrivals = contract.read(data)
            for arrival in arrivals:
                self._hearer.arrived(*arrival)
            for ring in rings:
                self._hearer.ring(*ring)
