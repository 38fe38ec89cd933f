"""MTA-STS policies in the store, as the transport wants them."""

from dataclasses import dataclass

from queue_worker.transport.values import StoredPolicy
from shared.mail.trouble import Unavailable
from shared.storage.outbox import Outbox


@dataclass(frozen=True, slots=True)
class Policies:
    """`queue_worker.transport.values.PolicyStore` over Postgres.

    While that is away nothing is kept, and who asks gets Unavailable: a policy we may have must not be forgotten.
    """

    outbox: Outbox

    async def get(self, domain: str) -> StoredPolicy | None:
        row = await self.outbox.policy(domain)
        return StoredPolicy(*row) if row else None

    async def put(self, domain: str, policy: StoredPolicy) -> None:
        try:
            await self.outbox.put_policy(domain, policy.id, policy.text, policy.expires - policy.fetched)
        except Unavailable:
            return
