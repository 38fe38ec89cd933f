"""What is done with one claimed message: signed, handed to the courier, and what became of it recorded.

Strategy: a signature is committed before the first dial, so that every try sends the same octets. Results are recorded
however long Postgres is away: a message that another server has taken must not go out again because we forgot.
"""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from dataclasses import dataclass, field, replace
from typing import Protocol

from queue_worker.reports import Reporter
from queue_worker.transport.values import Letter, Outcome, Result
from shared import log
from shared.mail.dkim.sign import Signer
from shared.mail.headers import scan
from shared.mail.trouble import Unavailable
from shared.policy.retry import Schedule
from shared.storage.outbox import DONE, LATER, LOST, UNTRIED, Claimed, Leased, Outbox, Row, Rung, Settlement

LARGE = 256 * 1024  # octets: above this a message is signed on a thread
ROOM = 128 * 1024 * 1024  # octets of messages that are read by themselves, all destinations together
POSTGRES_AWAY_SECONDS = 0.5
LOST_SECONDS = 30.0

Ring = Callable[[Rung], None]


class Courier(Protocol):
    """`queue_worker.transport.courier.Courier`: the connections to one destination."""

    async def send(self, letter: Letter) -> list[Result]:
        """Hand the letter over; one result a recipient, in order."""

    idle_since: float  # on the monotonic clock

    @property
    def is_idle(self) -> bool:
        """No letter is on its way."""

    async def close(self) -> None:
        """End all connections."""


class NotOurs(Exception):
    """The message is not ours to try any more."""


class Room:
    """Memory for so many octets at once; whoever waits first goes first."""

    def __init__(self, octets: int) -> None:
        self._all = self._free = octets
        self._line = asyncio.Lock()
        self._has_changed = asyncio.Event()

    @asynccontextmanager
    async def take(self, octets: int) -> AsyncIterator[None]:
        """Hold so many octets, or all there are."""
        octets = min(octets, self._all)
        async with self._line:
            while self._free < octets:
                self._has_changed.clear()
                await self._has_changed.wait()
            self._free -= octets
        try:
            yield
        finally:
            self._free += octets
            self._has_changed.set()


@dataclass(slots=True)
class Office:
    """What all destinations of a worker share; `signers` by domain, `may_dial` tells whether our leases hold."""

    outbox: Outbox
    signers: Mapping[str, Signer]
    schedule: Schedule
    reporter: Reporter
    ring: Ring
    may_dial: Callable[[], bool]
    chance: Callable[[], float] = random.random
    _room: Room = field(default_factory=lambda: Room(ROOM))

    async def claim(self, leased: Leased, most: int) -> list[Claimed]:
        """Claim what is due at a destination; raise Unavailable, also where our leases may have ended."""
        if not self._may_dial(leased.worker):
            raise Unavailable
        return await self._signed_together(await self.outbox.claim(leased, most))

    async def carry(self, courier: Courier, claimed: Claimed) -> bool:
        """Try one message and record what became of it; false if its destination could not be reached."""
        try:
            results = await self._send(courier, claimed)
            settlement = self._judge(claimed, results)
        except (Unavailable, NotOurs):
            await self.put_back(claimed)
            return True
        except Exception as error:
            log.failure("letter", error)
            await self._settle(_all(claimed, LOST, LOST_SECONDS))
            return True
        await self._settle(settlement)
        return not all(result.is_of_destination and result.outcome is Outcome.TRY_LATER for result in results)

    async def put_back(self, claimed: Claimed) -> None:
        """Make a claimed message due again, untried."""
        await self._settle(_all(claimed, UNTRIED, 0.0))

    async def refuse(self, claimed: Claimed, result: Result) -> None:
        """Fail a claimed message for all its recipients, undialled."""
        await self._settle(self._judge(claimed, [result] * len(claimed.ids)))

    async def _send(self, courier: Courier, claimed: Claimed) -> list[Result]:
        is_large = claimed.data is None
        held: AbstractAsyncContextManager[object] = self._room.take(claimed.size) if is_large else nullcontext()
        async with held:
            body = claimed.data if claimed.data is not None else await self.outbox.body(claimed)
            if body is None:
                raise NotOurs
            signature = claimed.signature
            if signature is None:
                signature = await self._sign(claimed, body)
            if not self._may_dial(claimed.worker):
                raise NotOurs
            return await courier.send(Letter(claimed.sender, tuple(claimed.recipients), signature + body))

    def _may_dial(self, worker: int) -> bool:
        """Tell whether what was leased or claimed under this token is surely still ours."""
        return worker == self.outbox.token and self.may_dial()

    async def _signed_together(self, claimed: list[Claimed]) -> list[Claimed]:
        """Sign what was claimed in one go, for one commit; a message alone, or a large one, is signed in its turn."""
        small = [one for one in claimed if one.signature is None and one.data is not None]
        if len(small) < 2:
            return claimed
        try:
            signatures = await asyncio.gather(*(self._sign(one, one.data or b"") for one in small))
        except Unavailable:
            return claimed
        signed = dict(zip((one.message_id for one in small), signatures, strict=True))
        return [replace(one, signature=signed.get(one.message_id, one.signature)) for one in claimed]

    async def _sign(self, claimed: Claimed, body: bytes) -> bytes:
        """Return the signature of a message, committed."""
        signer = self.signers.get(claimed.domain)
        if signer is None:  # a server without DNS has no keys
            return await self.outbox.sign(claimed.message_id, b"")
        made = await asyncio.to_thread(_sign, signer, body) if len(body) > LARGE else _sign(signer, body)
        return await self.outbox.sign(claimed.message_id, made)

    def _judge(self, claimed: Claimed, results: list[Result]) -> Settlement:
        rows = tuple(
            self._row(row_id, attempts, result)
            for row_id, attempts, result in zip(claimed.ids, claimed.attempts, results, strict=True)
        )
        failed = [(to, result) for to, result in zip(claimed.recipients, results, strict=True) if _is_final(result)]
        if not failed or claimed.sender_mailbox is None:
            return Settlement(claimed.worker, rows)
        return Settlement(claimed.worker, rows, self.reporter.failure(claimed, failed))

    def _row(self, row_id: int, attempts: int, result: Result) -> Row:
        if result.outcome in (Outcome.DELIVERED, Outcome.REFUSED):
            return Row(row_id, DONE)
        if result.outcome is Outcome.AMBIGUOUS:
            log.event("ambiguous")
            delay = self.schedule.after_ambiguous(attempts, self.chance())
        else:
            delay = self.schedule.after(attempts, self.chance())
        return Row(row_id, LATER, delay, result.code, f"{result.enhanced} {result.text}".strip())

    async def _settle(self, settlement: Settlement) -> None:
        await settle(self.outbox, settlement, self.ring)


async def settle(outbox: Outbox, settlement: Settlement, ring: Ring) -> None:
    """Record results and ring for the report, however long it takes."""
    while True:
        try:
            ring(await outbox.settle(settlement))
            return
        except Unavailable:
            await asyncio.sleep(POSTGRES_AWAY_SECONDS)


def _sign(signer: Signer, body: bytes) -> bytes:
    with memoryview(body) as view:
        return signer.sign(body, scan(view), int(time.time()))


def _is_final(result: Result) -> bool:
    return result.outcome is Outcome.REFUSED


def _all(claimed: Claimed, outcome: int, delay: float) -> Settlement:
    return Settlement(claimed.worker, tuple(Row(row_id, outcome, delay) for row_id in claimed.ids))
