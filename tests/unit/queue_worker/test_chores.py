"""What time does: senders told of what is late and of what was given up; TLS counted; nothing in anything's way."""

import asyncio
from contextlib import suppress
from dataclasses import replace

import pytest
from queue_worker.chores import AT_ONCE, Chores
from queue_worker.reports import Reporter

from shared.storage.outbox import LATER, Claimed, Overdue, Report
from tests.unit.queue_worker import fakes
from tests.unit.queue_worker.fakes import HEADER, MemoryOutbox, now, seconds

EVERY = 20.0
OVERDUE = Overdue(1, 1, "ann@example.org", 7, "example.org", HEADER, 0.0, [1], ["x@a.test"], [450], ["4.2.0 busy"])


def chores(outbox: MemoryOutbox, rung: list[tuple[int, int]] | None = None) -> Chores:
    bell: list[tuple[int, int]] = [] if rung is None else rung
    reporter = Reporter("mx.example.org", 48 * 3600.0)
    return Chores(outbox, reporter, bell.extend, 4 * 3600.0, 48 * 3600.0, EVERY)  # type: ignore[arg-type]


def overdue(outbox: MemoryOutbox, number: int, *, is_old: bool = True, **changes: object) -> None:
    one = replace(OVERDUE, message_id=number, ids=[number], recipients=[f"{number}@a.test"], **changes)
    (outbox.overdue if is_old else outbox.late_ones).append(one)
    held = Claimed(1, number, "", None, "", 0, 0, None, None, b"", 0.0, False, [number], one.recipients, [0])
    outbox.claimed[number] = held


async def work(work: Chores, wait: float = EVERY + 10) -> None:
    task = asyncio.create_task(work.run())
    await seconds(wait)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


def test_what_is_too_old_is_given_up_and_told() -> None:
    async def test() -> None:
        outbox, rung = MemoryOutbox(), []
        for number in range(AT_ONCE + 20):
            overdue(outbox, number)
        overdue(outbox, 999, sender_mailbox=None)
        await work(chores(outbox, rung))
        assert len(fakes.done(outbox)) == AT_ONCE + 21
        assert len(outbox.reports) == len(rung) == AT_ONCE + 20
        assert b"Action: failed" in outbox.reports[0].octets
        assert b"450 4.2.0 busy" in outbox.reports[0].octets

    fakes.run(test())


def test_what_is_late_is_told() -> None:
    async def test() -> None:
        outbox, rung = MemoryOutbox(), []
        for number in range(AT_ONCE + 20):
            overdue(outbox, number, is_old=False)
        await work(chores(outbox, rung))
        assert len(outbox.reports) == len(rung) == AT_ONCE + 20
        assert b"Action: delayed" in outbox.reports[0].octets
        assert outbox.settled == []

    fakes.run(test())


@pytest.mark.parametrize("is_old", [True, False], ids=["too old", "late"])
def test_one_that_cannot_be_told_of_holds_up_no_other(is_old: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("expired", "late"):
        write = getattr(Reporter, name)

        def mistaken(self: Reporter, one: Overdue, write: object = write) -> Report:
            if one.message_id == 1:
                raise RuntimeError(one.sender)
            return write(self, one)  # type: ignore[operator,no-any-return]

        monkeypatch.setattr(Reporter, name, mistaken)

    async def test() -> None:
        outbox = MemoryOutbox()
        for number in (0, 1, 2):
            overdue(outbox, number, is_old=is_old)
        await work(chores(outbox))
        assert [report.message_id for report in outbox.reports] == [0, 2]
        assert now() < 1000 + EVERY + 11
        if is_old:
            assert outbox.outcomes()["1@a.test"] == [LATER]

    fakes.run(test())


def test_postgres_away_is_no_end_and_no_count_is_lost() -> None:
    async def test() -> None:
        outbox = MemoryOutbox(is_away=True)
        working = chores(outbox)
        working.count_tls("a.test", "sts", "success")
        task = asyncio.create_task(work(working, 10 * EVERY + 10))
        await seconds(5 * EVERY)
        assert outbox.calls.total() < 30
        working.count_tls("a.test", "sts", "success")
        outbox.is_away = False
        overdue(outbox, 1)
        await task
        assert outbox.tls == {("a.test", "sts", "success"): 2}
        assert fakes.done(outbox) == ["1@a.test"]

    fakes.run(test())


def test_counts_that_could_not_be_written_are_written_later() -> None:
    async def test() -> None:
        outbox = MemoryOutbox()
        count_tls, answers = outbox.count_tls, [True]

        async def away_once(counts: object) -> None:
            outbox.is_away = bool(answers) and answers.pop()
            try:
                await count_tls(counts)  # type: ignore[arg-type]
            finally:
                outbox.is_away = False

        outbox.count_tls = away_once  # type: ignore[assignment,method-assign]
        working = chores(outbox)
        working.count_tls("a.test", "sts", "success")
        await work(working, 2 * EVERY + 10)
        assert outbox.tls == {("a.test", "sts", "success"): 1}

    fakes.run(test())


def test_a_mistake_is_not_the_end_of_chores() -> None:
    async def test() -> None:
        outbox = MemoryOutbox()
        expired, answers = outbox.expired, [RuntimeError("x@a.test")]

        async def mistaken(age: float, most: int) -> list[Overdue]:
            if answers:
                raise answers.pop()
            return await expired(age, most)

        outbox.expired = mistaken  # type: ignore[method-assign]
        overdue(outbox, 1)
        await work(chores(outbox), 2 * EVERY + 10)
        assert fakes.done(outbox) == ["1@a.test"]

    fakes.run(test())
