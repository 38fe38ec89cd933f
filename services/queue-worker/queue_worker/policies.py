"""MTA-STS policies in the store, as the transport wants them."""

from dataclasses import dataclass

from queue_worker.transport.values import StoredPolicy
from shared.mail.trouble import Unavailable
from shared.storage.outbox import Outbox


@dataclass(frozen=True, slots=True)
class Policies:
    """`queue_worker.transport.values.PolicyStore` over Postgres; while it is away nothing is known and nothing kept."""

    outbox: Outbox

    async def get(self, domain: str) -> StoredPolicy | None:
        try:
            row = await self.outbox.policy(domain)
        except Unavailable:
            return None
        return StoredPolicy(*row) if row else None

    async def put(self, domain: str, policy: StoredPolicy) -> None:
        try:
            await self.outbox.put_policy(domain, policy.id, policy.text, policy.expires - policy.fetched)
        except Unavailable:
            return
