"""What is done with one claimed message: signed, handed to the courier, and what became of it recorded.

Strategy: a signature is committed before the first dial, so that every try sends the same octets. Results are recorded
however long Postgres is away: a message that another server has taken must not go out again because we forgot. One that
we are stopped in the middle of may have been taken, and waits before it is tried again.
"""

import asyncio
import random
import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, nullcontext, suppress
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Protocol

from queue_worker.memory import INLINE_ROOM, ROOM, Inline, NoRoom, Room
from queue_worker.reports import Reporter
from queue_worker.signers import NoKey, Signers
from queue_worker.transport.values import Letter, Outcome, Result
from shared import log
from shared.mail.dkim.sign import Signer
from shared.mail.headers import scan
from shared.mail.trouble import Unavailable
from shared.metrics import catalog
from shared.policy.retry import Schedule
from shared.storage.outbox import DONE, LATER, LOST, UNTRIED, Claimed, Leased, Outbox, Row, Rung, Settlement

LARGE = 256 * 1024  # octets: above this a message is signed on a thread
POSTGRES_AWAY_SECONDS = 0.5
LOST_SECONDS = 30.0
NO_KEY_SECONDS = 60.0
ROOM_SECONDS = 5.0  # a large letter waits for room on its connection
NO_ROOM_SECONDS = 20.0  # and then without one
STOP_SECONDS = 2.0

Ring = Callable[[Rung], None]

_WORDS: dict[Outcome, catalog.Attempt] = {
    Outcome.DELIVERED: "delivered",
    Outcome.TRY_LATER: "deferred",
    Outcome.REFUSED: "refused",
    Outcome.AMBIGUOUS: "ambiguous",
}


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


class Fate(Enum):
    """What carrying a message told of its destination."""

    TOOK_IT = "took it, for one recipient at least"
    ANSWERED = "judged it, or may have taken it"
    WAS_AWAY = "could not be reached"
    UNASKED = "was not asked, for reasons of ours"


@dataclass(slots=True)
class _Try:
    """One try; `settlement` is what is true of it so far, should we be stopped."""

    settlement: Settlement
    fate: Fate = Fate.UNASKED


@dataclass(slots=True)
class Office:
    """What all destinations of a worker share; `may_dial` tells whether our leases hold."""

    outbox: Outbox
    signers: Signers
    schedule: Schedule
    reporter: Reporter
    ring: Ring
    may_dial: Callable[[], bool]
    chance: Callable[[], float] = random.random
    inline: Inline = field(default_factory=lambda: Inline(INLINE_ROOM))
    _room: Room = field(default_factory=lambda: Room(ROOM))

    async def claim(self, leased: Leased, most: int) -> list[Claimed]:
        """Claim what is due at a destination; raise Unavailable, also where our leases may have ended."""
        if not self._may_dial(leased.worker):
            raise Unavailable
        return await self._signed_together(await self.outbox.claim(leased, most))

    async def carry(self, courier: Courier, claimed: Claimed, patience: float = ROOM_SECONDS) -> Fate:
        """Try one message and record what became of it; a large one waits `patience` seconds for room.

        Cancelled, it records what is known by then, and takes STOP_SECONDS for it at the most.
        """
        under_way = _Try(_all(claimed, UNTRIED))
        try:
            await self._try(courier, claimed, under_way, patience)
            await self._settle(under_way.settlement)
        except asyncio.CancelledError:
            with suppress(TimeoutError):
                async with asyncio.timeout(STOP_SECONDS):
                    await self._settle(under_way.settlement)
            raise
        return under_way.fate

    async def put_back(self, claimed: Claimed) -> None:
        """Make a claimed message due again, untried."""
        await self._settle(_all(claimed, UNTRIED))

    async def refuse(self, claimed: Claimed, result: Result) -> None:
        """Fail a claimed message for all its recipients, undialled."""
        await self._settle(self._judge(claimed, [result] * len(claimed.ids)))

    async def _try(self, courier: Courier, claimed: Claimed, under_way: _Try, patience: float) -> None:
        try:
            results = await self._send(courier, claimed, under_way, patience)
            under_way.settlement = self._judge(claimed, results)
            under_way.fate = _fate(results)
        except (Unavailable, NotOurs):
            under_way.settlement = _all(claimed, UNTRIED)
        except NoRoom:
            under_way.settlement = _all(claimed, UNTRIED, NO_ROOM_SECONDS * (0.5 + self.chance()))
        except NoKey:
            under_way.settlement = _all(claimed, LATER, NO_KEY_SECONDS, 451, "4.3.0 no signing key yet")
        except Exception as error:
            log.failure("letter", error)
            under_way.settlement = _all(claimed, LOST, LOST_SECONDS)

    async def _send(self, courier: Courier, claimed: Claimed, under_way: _Try, patience: float) -> list[Result]:
        held: AbstractAsyncContextManager[object] = nullcontext()
        if claimed.data is None:
            held = self._room.take(claimed.sender_mailbox, claimed.size, patience)
        async with held:
            letter = await self._letter(claimed)
            # Stopped from here on, it may have arrived.
            under_way.settlement = _all(claimed, LATER, self.schedule.ambiguous)
            started = time.monotonic()
            results = await courier.send(letter)
            catalog.DELIVERY.observe(time.monotonic() - started)
            return results

    async def _letter(self, claimed: Claimed) -> Letter:
        body = claimed.data if claimed.data is not None else await self.outbox.body(claimed)
        if body is None:
            raise NotOurs
        signature = claimed.signature
        if signature is None:
            signature = await self._sign(claimed, body)
        if not self._may_dial(claimed.worker):
            raise NotOurs
        return Letter(claimed.sender, tuple(claimed.recipients), signature + body)

    def _may_dial(self, worker: int) -> bool:
        """Tell whether what was leased or claimed under this token is surely still ours."""
        return worker == self.outbox.token and self.may_dial()

    async def _signed_together(self, claimed: list[Claimed]) -> list[Claimed]:
        """Sign what was claimed in one go, for one commit; a message alone, or a large one, is signed in its turn.

        So is one that could not be signed here, and what is wrong with it is judged there.
        """
        small = [one for one in claimed if one.signature is None and one.data is not None]
        if len(small) < 2:
            return claimed
        made = await asyncio.gather(*(self._sign(one, one.data or b"") for one in small), return_exceptions=True)
        signed = {one.message_id: each for one, each in zip(small, made, strict=True) if isinstance(each, bytes)}
        return [replace(one, signature=signed.get(one.message_id, one.signature)) for one in claimed]

    async def _sign(self, claimed: Claimed, body: bytes) -> bytes:
        """Return the signature of a message, committed; raise NoKey."""
        signer = await self.signers.of(claimed.domain)
        if signer is None:
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
        catalog.ATTEMPTS.count(_WORDS[result.outcome])
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
            if settlement.report:
                catalog.REPORTS.count("failure")
            return
        except Unavailable:
            await asyncio.sleep(POSTGRES_AWAY_SECONDS)


def _sign(signer: Signer, body: bytes) -> bytes:
    with memoryview(body) as view:
        return signer.sign(body, scan(view), int(time.time()))


def _is_final(result: Result) -> bool:
    return result.outcome is Outcome.REFUSED


def _fate(results: list[Result]) -> Fate:
    if any(result.outcome is Outcome.DELIVERED for result in results):
        return Fate.TOOK_IT
    if all(result.is_of_destination and result.outcome is Outcome.TRY_LATER for result in results):
        return Fate.WAS_AWAY
    return Fate.ANSWERED


def _all(
    claimed: Claimed, outcome: int, delay: float = 0.0, code: int | None = None, text: str | None = None
) -> Settlement:
    return Settlement(claimed.worker, tuple(Row(row_id, outcome, delay, code, text) for row_id in claimed.ids))
