"""A closed loop: everybody connects once, comes round again and again, and leaves; only the middle counts."""

import asyncio
import gc
import time
from collections.abc import Iterator

import pytest

from bench.loop import ClosedLoop, Load


class Walker:
    def __init__(self) -> None:
        self.did: list[str] = []

    async def connect(self) -> None:
        self.did.append("connect")

    async def cycle(self) -> dict[str, float]:
        self.did.append("cycle")
        await asyncio.sleep(0.001)
        return {"half": 0.5, "done": 1.0}

    def close(self) -> None:
        self.did.append("close")


@pytest.fixture(autouse=True)
def thawed() -> Iterator[None]:
    yield
    gc.unfreeze()


async def test_what_is_between_the_words_counts(capsys: pytest.CaptureFixture[str]) -> None:
    walkers = [Walker(), Walker()]
    found = await ClosedLoop(walkers, Load(warm_up=0.05, seconds=0.1, users=2)).run()
    cycles = [walker.did.count("cycle") for walker in walkers]
    assert all(walker.did[0] == "connect" and walker.did[-1] == "close" for walker in walkers)
    assert found["all_cycles"] == sum(cycles)
    assert isinstance(found["done"], list)
    assert 0 < len(found["done"]) < sum(cycles)
    assert found["half"] == [0.5] * len(found["done"])
    assert capsys.readouterr().out == "begin\nend\n"


async def test_users_at_a_pace_wait_for_their_time() -> None:
    walkers = [Walker(), Walker()]
    began = time.perf_counter()
    await ClosedLoop(walkers, Load(warm_up=0.0, seconds=0.3, users=2), every=0.1).run()
    most = (time.perf_counter() - began) / 0.1 + 1
    assert all(1 <= walker.did.count("cycle") <= most for walker in walkers)


async def test_what_a_user_raises_ends_the_run() -> None:
    class Stumbler(Walker):
        async def cycle(self) -> dict[str, float]:
            raise ConnectionError("the server closed the connection")

    with pytest.raises(ConnectionError):
        await ClosedLoop([Stumbler()], Load(warm_up=5.0, seconds=5.0, users=1)).run()
