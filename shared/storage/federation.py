"""The operator's word about other domains, remembered for a few seconds: every message asks."""

import time
from collections.abc import Callable, Sequence

from shared.storage.lane import Connection, Lane
from shared.storage.operation import Light

READ = "SELECT domain, may_pass FROM chatmail.federation"
REMEMBERED_SECONDS = 3.0
EVERYBODY = "*"


class _Rules(Light):
    async def run(self, connection: Connection, items: Sequence[None]) -> list[dict[str, bool]]:
        rules: dict[str, bool] = dict(await connection.execute(READ))
        return [rules] * len(items)


class Federation:
    """Says with whom mail is exchanged."""

    def __init__(self, lane: Lane, clock: Callable[[], float] = time.monotonic) -> None:
        self._lane = lane
        self._clock = clock
        self._asking = _Rules()
        self._rules: dict[str, bool] = {}
        self._read_at = float("-inf")

    async def may_pass(self, domain: str) -> bool:
        """Tell whether mail may pass between us and this domain; raise Unavailable."""
        if self._clock() - self._read_at >= REMEMBERED_SECONDS:
            self._rules = await self._lane.submit(self._asking, None)
            self._read_at = self._clock()
        return self._rules.get(domain, self._rules.get(EVERYBODY, True))
