"""Kept MTA-STS policies, and what is said of them while the store is away."""

from dataclasses import dataclass, field
from typing import cast

import pytest
from queue_worker.policies import Policies
from queue_worker.transport.values import StoredPolicy

from shared.mail.trouble import Unavailable
from shared.storage.outbox import Outbox

KEPT = StoredPolicy("1", b"version: STSv1", 100.0, 400.0)


@dataclass
class Shelf:
    """The outbox's policies in memory."""

    is_away: bool = False
    kept: dict[str, tuple[str, bytes, float, float]] = field(default_factory=dict)

    async def policy(self, domain: str) -> tuple[str, bytes, float, float] | None:
        if self.is_away:
            raise Unavailable
        return self.kept.get(domain)

    async def put_policy(self, domain: str, policy_id: str, text: bytes, seconds: float) -> None:
        if self.is_away:
            raise Unavailable
        self.kept[domain] = (policy_id, text, 100.0, 100.0 + seconds)


async def test_what_is_kept() -> None:
    policies = Policies(cast(Outbox, Shelf()))
    assert await policies.get("a.test") is None
    await policies.put("a.test", KEPT)
    assert await policies.get("a.test") == KEPT


async def test_a_store_that_is_away_says_so_and_keeps_nothing() -> None:
    policies = Policies(cast(Outbox, Shelf(is_away=True)))
    await policies.put("a.test", KEPT)
    with pytest.raises(Unavailable):
        await policies.get("a.test")
