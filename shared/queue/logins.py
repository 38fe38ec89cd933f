"""What Redis remembers of verified passwords, so that a storm of reconnects costs no hashes.

A value is a keyed hash of account, stored password hash and password; the key never leaves Postgres and the
services. A changed password changes the hash, so nothing must ever be deleted here.
"""

from shared.queue import contract
from shared.queue.client import Away, open_async

KEPT_SECONDS = 24 * 3600


class Logins:
    """Remembers one digest an account; never raises, forgets when Redis is away."""

    def __init__(self, url: str) -> None:
        self._redis = open_async(url)

    async def recall(self, account_id: int) -> bytes | None:
        """Return the digest kept for the account, or None."""
        try:
            kept = await self._redis.get(f"{contract.LOGIN}{account_id}")
        except Away:
            return None
        return kept if isinstance(kept, bytes) else None

    async def keep(self, account_id: int, digest: bytes) -> None:
        """Keep the digest for a day."""
        try:
            await self._redis.set(f"{contract.LOGIN}{account_id}", digest, ex=KEPT_SECONDS)
        except Away:
            return

    async def close(self) -> None:
        await self._redis.aclose()
