"""The keys of our domains, read again where one is missing: a domain may be added while a worker runs."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping

from shared import log
from shared.mail.dkim.private import PrivateKey
from shared.mail.dkim.sign import Signer
from shared.mail.trouble import Unavailable

READ_EVERY = 10.0

ReadKeys = Callable[[], Awaitable[Mapping[str, Mapping[str, PrivateKey]]]]  # by domain and selector


class NoKey(Exception):
    """A domain with a name has no key yet: its mail waits, it never leaves unsigned."""


class Signers:
    """Signs for our domains, with the keys that `read_keys` finds."""

    def __init__(self, read_keys: ReadKeys, clock: Callable[[], float] = time.monotonic) -> None:
        self._read_keys = read_keys
        self._clock = clock
        self._signers: dict[str, Signer] = {}
        self._read_at = float("-inf")
        self._reading = asyncio.Lock()

    async def of(self, domain: str) -> Signer | None:
        """Return who signs for a domain, None for an address literal; raise NoKey, or Unavailable."""
        if domain.startswith("["):  # a server without DNS has no keys
            return None
        if domain not in self._signers:
            async with self._reading:
                await self._read_again()
        if domain not in self._signers:
            raise NoKey
        return self._signers[domain]

    async def read(self) -> None:
        """Read all keys; raise Unavailable, or what is wrong with a key."""
        keys = await self._read_keys()
        self._signers = {domain: Signer(domain, of_domain) for domain, of_domain in keys.items()}
        self._read_at = self._clock()

    async def _read_again(self) -> None:
        if self._clock() - self._read_at < READ_EVERY:
            return
        try:
            await self.read()
        except Unavailable:
            raise
        except Exception as error:  # somebody else's key may be the flaw: those we have are good
            log.failure("signing-keys", error)
            self._read_at = self._clock()
