"""Connections are opened with thrift, and never wanted for long."""

import asyncio
from typing import Any

import pytest
from queue_worker.transport.values import Outcome

from tests.remote import HANG, Action
from tests.unit.queue_worker.transport.rig import Rig, letter

DELIVERED = Outcome.DELIVERED


async def burst(courier: Any, count: int) -> list[Outcome]:
    results = await asyncio.gather(*(courier.send(letter(f"{number}@a.test")) for number in range(count)))
    return [result.outcome for [result] in results]


@pytest.fixture
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """No machine is so slow that a moment is over sooner than a few letters are sent."""
    monkeypatch.setattr("queue_worker.transport.connections.TURNS", 3000)
    monkeypatch.setattr("queue_worker.transport.connections.FIRST_TURNS", 3000)


@pytest.mark.usefixtures("_patient")
async def test_a_few_letters_share_a_connection(rig: Rig) -> None:
    rig.no_https()
    assert await burst(rig.courier(), 6) == [DELIVERED] * 6
    assert rig.remote.connections == 1


@pytest.mark.usefixtures("_patient")
async def test_many_letters_have_more(rig: Rig) -> None:
    rig.no_https()
    courier = rig.courier()
    for _ in range(3):
        await burst(courier, 10)
    assert rig.remote.connections > 1


@pytest.mark.parametrize("step", ["CONNECT", "RCPT", "DOT"])
async def test_a_connection_that_hangs_is_not_waited_for(rig: Rig, step: str) -> None:
    rig.no_https()
    rig.change(connect_seconds=60, reply_seconds=60, final_seconds=60)
    courier = rig.courier()
    rig.remote.at(step, HANG, times=1)
    sending = [asyncio.create_task(courier.send(letter())) for _ in range(2)]
    done, hanging = await asyncio.wait(sending, return_when=asyncio.FIRST_COMPLETED)
    assert [result.outcome for task in done for result in task.result()] == [DELIVERED]
    for task in hanging:
        task.cancel()
    await asyncio.wait(hanging)


@pytest.mark.usefixtures("_patient")
@pytest.mark.parametrize("action", ["421 4.3.2 closing", "451 4.3.0 not now"])
async def test_who_waits_for_one_that_fails_opens_another(rig: Rig, action: Action) -> None:
    rig.no_https()
    rig.remote.at("DOT", action, times=1)
    outcomes = await burst(rig.courier(), 3)
    assert outcomes.count(DELIVERED) == 2


async def test_who_is_cancelled_while_waiting_is_forgotten(rig: Rig) -> None:
    rig.no_https()
    courier = rig.courier()
    sending = [asyncio.create_task(courier.send(letter())) for _ in range(3)]
    await asyncio.sleep(0)
    for task in sending:
        task.cancel()
    await asyncio.wait(sending)
    assert courier.is_idle
    assert await burst(courier, 3) == [DELIVERED] * 3
