"""An outbox and couriers in memory, and an event loop whose time jumps to whatever is waited for."""

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from queue_worker.office import Office
from queue_worker.reports import Reporter
from queue_worker.signers import Signers
from queue_worker.transport.values import Letter, Outcome, Result

from shared.mail.dkim.private import PrivateKey
from shared.mail.trouble import Unavailable
from shared.policy.retry import Schedule
from shared.storage.outbox import DONE, UNTRIED, Claimed, Leased, Overdue, Report, Row, Settlement

OK = Result(Outcome.DELIVERED, 250, "2.0.0", "OK", "mx.a.test")
LATER_PLEASE = Result(Outcome.TRY_LATER, 450, "4.2.0", "busy", "mx.a.test")
NO = Result(Outcome.REFUSED, 550, "5.1.1", "nobody", "mx.a.test")
AWAY = Result(Outcome.TRY_LATER, 451, "4.4.1", "no answer", is_of_destination=True)
PERHAPS = Result(Outcome.AMBIGUOUS, 451, "4.4.2", "no answer at the end", "mx.a.test")

HEADER = b"Message-ID: <1@example.org>\r\nFrom: <ann@example.org>\r\n\r\n"
BODY = HEADER + b"ciphertext\r\n"
DELAY = 100.0
FOREVER = 10**9


class JumpingLoop(asyncio.SelectorEventLoop):
    """Nobody waits in real time: where nothing is left to do, it is later."""

    def __init__(self) -> None:
        super().__init__()
        self._now = 1000.0

    def time(self) -> float:
        return self._now

    def _run_once(self) -> None:
        if not self._ready and self._scheduled:  # type: ignore[attr-defined]
            self._now = max(self._now, self._scheduled[0]._when)  # type: ignore[attr-defined]
        super()._run_once()  # type: ignore[misc]


def run(test: Coroutine[Any, Any, None]) -> None:
    """Run a test in jumping time."""
    with asyncio.Runner(loop_factory=JumpingLoop) as runner:
        runner.run(test)


def now() -> float:
    return asyncio.get_running_loop().time()


async def seconds(number: float) -> None:
    await asyncio.sleep(number)


@dataclass
class MemoryOutbox:
    """`shared.storage.outbox.Outbox` of one worker, on rows in memory: a message has one recipient."""

    token: int = 1
    is_away: bool = False
    is_known: bool = True
    due: dict[int, list[Claimed]] = field(default_factory=dict)
    claimed: dict[int, Claimed] = field(default_factory=dict)
    shut: dict[int, tuple[int, float]] = field(default_factory=dict)  # failures, and since when
    opens: dict[int, float] = field(default_factory=dict)  # when one that is shut is tried again
    leased: dict[int, int] = field(default_factory=dict)  # destination: token
    settled: list[tuple[str, Row]] = field(default_factory=list)
    reports: list[Report] = field(default_factory=list)
    signed: dict[int, bytes] = field(default_factory=dict)
    calls: Counter[str] = field(default_factory=Counter)
    bodies: dict[int, bytes] = field(default_factory=dict)
    overdue: list[Overdue] = field(default_factory=list)
    late_ones: list[Overdue] = field(default_factory=list)
    tls: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    is_closed_by_operator: bool = False
    has_left: bool = False
    on_release: Callable[[], None] = lambda: None

    def put(self, *recipients: str, destination: int = 1, **changes: Any) -> None:
        """Let a message wait for each recipient."""
        for recipient in recipients:
            number = self.calls["put"] = self.calls["put"] + 1
            one = Claimed(
                0, number, "ann@example.org", 7, "[192.0.2.1]", len(BODY), len(HEADER), None, None, BODY, 0.0, False,
                [number], [recipient], [0],
            )  # fmt: skip
            self.due.setdefault(destination, []).append(replace(one, **changes))

    def lease_of(self, destination: int = 1, failures: int = 0) -> Leased:
        self.leased[destination] = self.token
        may_pass = not self.is_closed_by_operator
        return Leased(self.token, destination, f"{destination}.test", failures, may_pass, None, None, None, 0)

    def outcomes(self) -> dict[str, list[int]]:
        """What became of each recipient, in order."""
        found: dict[str, list[int]] = {}
        for recipient, row in self.settled:
            found.setdefault(recipient, []).append(row.outcome)
        return found

    async def join(self, seconds: float) -> None:
        await self._call("join")
        self.token += 1
        self.is_known = True

    async def stay(self, seconds: float) -> bool:
        await self._call("stay")
        return self.is_known

    async def leave(self) -> None:
        await self._call("leave")
        self.has_left = True

    async def lease(self, wanted: Sequence[int] | None, most: int, held: Sequence[int] | None = None) -> list[Leased]:
        await self._call("lease")
        found = [
            number
            for number, waiting in self.due.items()
            if waiting
            and (wanted is None or number in wanted)
            and number not in self.leased
            and now() >= self.opens.get(number, 0.0)
        ]
        return [self.lease_of(number) for number in found[:most]]

    async def claim(self, leased: Leased, most: int) -> list[Claimed]:
        await self._call("claim")
        if self.leased.get(leased.id) != leased.worker:
            return []
        waiting = self.due.get(leased.id, [])
        taken, self.due[leased.id] = waiting[:most], waiting[most:]
        found = [replace(one, worker=leased.worker, attempts=[one.attempts[0] + 1]) for one in taken]
        self.claimed.update({one.ids[0]: one for one in found})
        return found

    async def body(self, claimed: Claimed) -> bytes | None:
        await self._call("body")
        return self.bodies.get(claimed.message_id)

    async def sign(self, message_id: int, signature: bytes) -> bytes:
        await self._call("sign")
        return self.signed.setdefault(message_id, signature)

    async def settle(self, settlement: Settlement) -> tuple[tuple[int, int], ...]:
        await self._call("settle")
        for row in settlement.rows:
            one = self.claimed.pop(row.id, None)
            if one is None:  # as Postgres does
                continue
            assert one.worker == settlement.worker
            self.settled.append((one.recipients[0], row))
            if row.outcome == UNTRIED:
                self._again(replace(one, attempts=[one.attempts[0] - 1]), row.delay)
        if settlement.report:
            self.reports.append(settlement.report)
        return ((7, len(self.reports)),) if settlement.report else ()

    def _again(self, one: Claimed, delay: float) -> None:
        if delay:
            asyncio.get_running_loop().call_later(delay, self._again, one, 0.0)
        else:
            self.due.setdefault(1, []).append(one)

    async def release(self, leased: Leased, failures: int = 0, seconds: float = 0.0) -> bool:
        await self._call("release")
        self.on_release()
        if self.leased.get(leased.id) != leased.worker:
            return True
        if not failures and self.due.get(leased.id):
            return False
        del self.leased[leased.id]
        if failures:
            self.shut[leased.id] = failures, seconds
            self.opens[leased.id] = now() + seconds
        return True

    async def expired(self, seconds: float, most: int) -> list[Overdue]:
        await self._call("expired")
        found, self.overdue = self.overdue[:most], self.overdue[most:]
        return found

    async def backlog(self) -> tuple[int, float]:
        await self._call("backlog")
        return len(self.due), 90.0

    async def late(self, seconds: float, most: int) -> list[Overdue]:
        await self._call("late")
        return self.late_ones[:most]

    async def warn(self, report: Report) -> tuple[tuple[int, int], ...]:
        await self._call("warn")
        self.late_ones = [one for one in self.late_ones if one.message_id != report.message_id]
        self.reports.append(report)
        return ((7, len(self.reports)),)

    async def count_tls(self, counts: Counter[tuple[str, str, str]]) -> None:
        await self._call("count_tls")
        self.tls.update(counts)

    async def _call(self, name: str) -> None:
        self.calls[name] += 1
        assert self.calls[name] < 5000, f"{name} again and again"
        await asyncio.sleep(0.001)
        if self.is_away:
            raise Unavailable


@dataclass
class ScriptedCourier:
    """A courier that says what the script says of a recipient, a list at one letter after the other; OK by default."""

    script: dict[str, list[Result | Exception]] = field(default_factory=dict)
    every: Result = OK
    takes: dict[str, float] = field(default_factory=dict)  # seconds
    usually_takes: float = 0.1
    sent: list[tuple[float, Letter]] = field(default_factory=list)
    busy: int = 0
    most: int = 0
    idle_since: float = 0.0
    is_closed: bool = False

    @property
    def is_idle(self) -> bool:
        return not self.busy

    def recipients(self) -> list[str]:
        """Who was written to, in order."""
        return [letter.recipients[0] for _, letter in self.sent]

    async def send(self, letter: Letter) -> list[Result]:
        recipient = letter.recipients[0]
        self.sent.append((now(), letter))
        self.busy += 1
        self.most = max(self.most, self.busy)
        try:
            await asyncio.sleep(self.takes.get(recipient, self.usually_takes))
        finally:
            self.busy -= 1
            self.idle_since = now()
        answers = self.script.get(recipient)
        answer = answers.pop(0) if answers else self.every
        if isinstance(answer, Exception):
            raise answer
        return [answer] * len(letter.recipients)

    async def close(self) -> None:
        self.is_closed = True


def office(outbox: MemoryOutbox, rung: list[tuple[int, int]] | None = None, **changes: Any) -> Office:
    """An office over an outbox in memory; `keys` are of domains with names, by domain and selector."""
    keys: dict[str, dict[str, PrivateKey]] = changes.pop("keys", {})

    async def read() -> dict[str, dict[str, PrivateKey]]:
        return keys

    bell = [] if rung is None else rung
    return Office(
        outbox,  # type: ignore[arg-type]
        changes.pop("signers", None) or Signers(read, now),
        Schedule((DELAY,), 600.0),
        Reporter("mx.example.org", 48 * 3600.0),
        bell.extend,
        changes.pop("may_dial", lambda: True),
        chance=lambda: 0.5,
        **changes,
    )


def done(outbox: MemoryOutbox) -> list[str]:
    """Recipients that are done with."""
    return [recipient for recipient, row in outbox.settled if row.outcome == DONE]
