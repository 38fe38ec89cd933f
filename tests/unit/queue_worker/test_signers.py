"""Keys: read again for a domain that was added, not too often, and never forgotten for another's flaw."""

import asyncio

import pytest
from queue_worker.signers import READ_EVERY, NoKey, Signers

from shared.mail.dkim import private
from shared.mail.dkim.private import PrivateKey
from shared.mail.trouble import Unavailable


class Keys:
    """Keys as stored; counts how often they were read."""

    def __init__(self) -> None:
        self.now = 0.0
        self.reads = 0
        self.error: Exception | None = None
        self.stored: dict[str, dict[str, PrivateKey]] = {}
        self.put("a.test")

    def put(self, domain: str) -> None:
        self.stored[domain] = {"ed25519": private.load(private.make_ed25519())}

    async def read(self) -> dict[str, dict[str, PrivateKey]]:
        self.reads += 1
        await asyncio.sleep(0)
        if self.error:
            raise self.error
        return self.stored


async def opened() -> tuple[Keys, Signers]:
    keys = Keys()
    signers = Signers(keys.read, lambda: keys.now)
    await signers.read()
    return keys, signers


async def test_a_known_domain_is_not_read_again_and_a_literal_has_no_key() -> None:
    keys, signers = await opened()
    keys.now = READ_EVERY
    assert await signers.of("a.test") is await signers.of("a.test")
    assert await signers.of("[192.0.2.1]") is None
    assert keys.reads == 1


async def test_a_domain_that_was_added_is_found_by_all_who_ask_with_one_look() -> None:
    keys, signers = await opened()
    keys.put("new.test")
    keys.now = READ_EVERY
    assert len(set(await asyncio.gather(*(signers.of("new.test") for _ in range(5))))) == 1
    assert keys.reads == 2


async def test_looks_are_rare() -> None:
    keys, signers = await opened()
    for second in range(100):
        keys.now = float(second)
        with pytest.raises(NoKey):
            await signers.of("new.test")
    assert keys.reads == 1 + 99 // int(READ_EVERY)


@pytest.mark.parametrize(("error", "raised"), [(Unavailable(), Unavailable), (ValueError("a.test"), NoKey)])
async def test_what_cannot_be_read_leaves_what_was(
    error: Exception, raised: type[Exception], caplog: pytest.LogCaptureFixture
) -> None:
    keys, signers = await opened()
    keys.now, keys.error = READ_EVERY, error
    with pytest.raises(raised):
        await signers.of("new.test")
    assert await signers.of("a.test")
    assert "a.test" not in caplog.text
