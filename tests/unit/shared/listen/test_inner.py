"""The inner port: short questions, short patience, no words about errors."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass

import pytest

from shared.listen import inner
from shared.listen.inner import Inner
from shared.metrics import catalog
from shared.metrics.page import PAGE
from tests.suite import free_address


@dataclass
class Place:
    address: str
    port: int
    state: dict[str, bool]
    serving: "asyncio.Task[None]"
    stopping: asyncio.Event

    async def ask(self, octets: bytes) -> tuple[int, bytes]:
        reader, writer = await asyncio.open_connection(self.address, self.port)
        try:
            writer.write(octets)
            answer = await reader.read()
        finally:
            writer.close()
        head, _, body = answer.partition(b"\r\n\r\n")
        return (int(head.split()[1]) if head else 0), body


@pytest.fixture
async def place() -> AsyncIterator[Place]:
    PAGE.spread(1)
    state = {"is_able": True, "is_low": False, "fails": False}

    def is_low() -> bool:
        if state["fails"]:
            raise RuntimeError("canary ann@example.org")
        return state["is_low"]

    own = Inner("submission", lambda: state["is_able"], {catalog.DISK: is_low}, asyncio.Event())
    address, port = free_address(), 9100
    serving = asyncio.create_task(inner.serve(own, [address], port))
    while not own.is_open and not serving.done():
        await asyncio.sleep(0)
    assert own.stopping
    yield Place(address, port, state, serving, own.stopping)
    serving.cancel()
    await asyncio.gather(serving, return_exceptions=True)


async def test_health_is_a_word(place: Place) -> None:
    status, body = await place.ask(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
    assert (status, json.loads(body)) == (200, {"status": "ok"})
    place.state["is_able"] = False
    status, body = await place.ask(b"GET /health HTTP/1.1\r\n\r\n")
    assert (status, json.loads(body)) == (503, {"status": "unavailable"})


async def test_the_edge_is_told_before_the_doors_close(place: Place) -> None:
    async def ask() -> bytes:
        reader, writer = await asyncio.open_connection(place.address, place.port)
        writer.write(b"doors\n")
        answer = await reader.read()
        writer.close()
        return answer

    place.state["is_able"] = False  # no reason to send people elsewhere: the others ask the same database
    assert await ask() == b"ready\n"
    place.stopping.set()
    assert await ask() == b"drain\n"


async def test_numbers_are_looked_at_when_asked(place: Place) -> None:
    place.state["is_low"] = True
    catalog.REFUSALS.count("pace", by=7.0)
    status, body = await place.ask(b"GET /metrics?x=1 HTTP/1.0\r\n\r\n")
    assert status == 200
    assert b'chatmail_disk_low{service="submission"} 1.0\n' in body
    assert b'chatmail_postgres_available{service="submission"} 1.0\n' in body
    assert b'chatmail_refusals_total{reason="pace",service="submission"} 7.0\n' in body


WRONG = {
    "another path": (b"GET / HTTP/1.1\r\n\r\n", 404),
    "another method": (b"POST /metrics HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc", 405),
    "no version": (b"GET /metrics\r\n\r\n", 400),
    "no HTTP": (b"EHLO x\r\n\r\n", 400),
    "empty": (b"\r\n\r\n", 400),
    "binary": (b"\x16\x03\x01\xff\x00 \r\n\r\n", 400),
    "too long": (b"GET /" + b"x" * 9000, 431),
}


@pytest.mark.parametrize(("octets", "status"), WRONG.values(), ids=WRONG)
async def test_what_is_not_asked_for_is_refused(place: Place, octets: bytes, status: int) -> None:
    assert (await place.ask(octets))[0] == status


async def test_an_error_of_ours_says_nothing_of_itself(place: Place) -> None:
    place.state["fails"] = True
    status, body = await place.ask(b"GET /metrics HTTP/1.1\r\n\r\n")
    assert (status, body) == (500, b"")
    place.state["fails"] = False
    assert (await place.ask(b"GET /health HTTP/1.1\r\n\r\n"))[0] == 200


async def test_a_question_in_pieces_is_one(place: Place) -> None:
    reader, writer = await asyncio.open_connection(place.address, place.port)
    for octet in b"GET /health HTTP/1.1\r\n\r\n":
        writer.write(bytes([octet]))
        await writer.drain()
    assert (await reader.read()).startswith(b"HTTP/1.1 200 ")
    writer.close()


async def test_who_dawdles_is_shown_out(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inner, "SECONDS", 0.05)
    with suppress(ConnectionError):
        assert (await place.ask(b"GET /health HTTP/1.1\r\n"))[0] == 0


async def test_only_a_few_at_a_time(place: Place) -> None:
    waiting = [await asyncio.open_connection(place.address, place.port) for _ in range(inner.MAX_AT_ONCE)]
    reader, writer = await asyncio.open_connection(place.address, place.port)
    assert (await reader.read()).startswith(b"HTTP/1.1 503 ")
    for _, one in [*waiting, (reader, writer)]:
        one.close()
        with suppress(ConnectionError):
            await one.wait_closed()
    async with asyncio.timeout(10):
        while (await place.ask(b"GET /health HTTP/1.1\r\n\r\n"))[0] != 200:
            await asyncio.sleep(0.01)


async def test_a_taken_port_is_an_error(place: Place) -> None:
    with pytest.raises(OSError, match=f"cannot listen on {place.address} port {place.port}"):
        await inner.serve(Inner("imap", lambda: True), [place.address], place.port)


async def test_workers_share_it(place: Place) -> None:
    address = free_address()
    several = [Inner("imap", lambda: True) for _ in range(2)]
    serving = [asyncio.create_task(inner.serve(one, [address], place.port, has_siblings=True)) for one in several]
    while not all(one.is_open for one in several):
        await asyncio.sleep(0)
        assert not any(task.done() for task in serving)
    for task in serving:
        task.cancel()
    await asyncio.gather(*serving, return_exceptions=True)


async def test_nowhere_is_a_port_too(monkeypatch: pytest.MonkeyPatch) -> None:
    own = Inner("imap", lambda: True)
    serving = asyncio.create_task(inner.serve(own, ["not an address"], 0))
    while not own.is_open:
        await asyncio.sleep(0)
    assert not serving.done(), "work in the background that ends would be the end of the service"
    assert own.exposition is None
    serving.cancel()
    await asyncio.gather(serving, return_exceptions=True)
