"""Pace per account, one for all replicas (design §6), and a local one while Redis is away.

Strategy: the algorithm of `shared.policy.pace` runs inside Redis, on Redis's clock, for every account that asked
while the last question was on its way. Without Redis a process counts alone, at half the rate: two replicas
together then allow about what one rule would.
"""

import asyncio
import time
from collections import OrderedDict

from shared.policy.pace import Rate, step
from shared.queue import contract
from shared.queue.client import Away, open_async

# One GCRA step per key, of as many events as the argument beside it says; returns 1 (go) or 0 for each.
SCRIPT = """
local interval, tolerance = tonumber(ARGV[1]), tonumber(ARGV[2])
local clock = redis.call('TIME')
local now = tonumber(clock[1]) + tonumber(clock[2]) / 1000000
local verdicts = {}
for i, key in ipairs(KEYS) do
  local due = math.max(tonumber(redis.call('GET', key) or '0'), now)
  local last = due + interval * (tonumber(ARGV[i + 2]) - 1)
  if last - now <= tolerance then
    redis.call('SET', key, string.format('%.6f', last + interval), 'EX', math.ceil(last + interval - now) + 1)
    verdicts[i] = 1
  else
    verdicts[i] = 0
  end
end
return verdicts
"""
MAX_LOCAL = 100_000
RETRY_SECONDS = 2.0


class Pace:
    """Says whether an account may do a thing now; never raises. `prefix` sets one kind of thing apart from others."""

    def __init__(self, url: str, rate: Rate, prefix: str = contract.PACE) -> None:
        self._prefix = prefix
        self._redis = open_async(url)
        self._script = self._redis.register_script(SCRIPT)
        self._rate = rate
        self._half = Rate(rate.per_minute / 2, max(1, rate.burst // 2))
        self._local: OrderedDict[int, float] = OrderedDict()
        self._waiting: list[tuple[int, int, asyncio.Future[bool]]] = []
        self._task: asyncio.Task[None] | None = None
        self._away_until = 0.0

    def may_send(self, account_id: int, times: int = 1) -> asyncio.Future[bool]:
        """Count one message of the account, or so many, at once; the future tells whether they may go."""
        answer: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        if time.monotonic() < self._away_until:
            answer.set_result(self._may_send_locally(account_id, times))
            return answer
        self._waiting.append((account_id, times, answer))
        if self._task is None:
            self._task = asyncio.create_task(self._ask())
        return answer

    async def close(self) -> None:
        await self._redis.aclose()

    async def _ask(self) -> None:
        try:
            while self._waiting:
                batch, self._waiting = self._waiting, []
                for (*_, answer), verdict in zip(batch, await self._verdicts(batch), strict=True):
                    if not answer.done():
                        answer.set_result(verdict)
        finally:
            self._task = None

    async def _verdicts(self, batch: list[tuple[int, int, asyncio.Future[bool]]]) -> list[bool]:
        keys = [f"{self._prefix}{account_id}" for account_id, *_ in batch]
        counts = [times for _, times, _ in batch]
        try:
            answers = await self._script(keys=keys, args=[self._rate.interval, self._rate.tolerance, *counts])
        except Away:
            self._away_until = time.monotonic() + RETRY_SECONDS
            return [self._may_send_locally(account_id, times) for account_id, times, _ in batch]
        return [bool(answer) for answer in answers]

    def _may_send_locally(self, account_id: int, times: int) -> bool:
        before = self._local.pop(account_id, 0.0)
        after = step(self._half, before, time.monotonic(), times)
        self._local[account_id] = before if after is None else after
        if len(self._local) > MAX_LOCAL:
            self._local.popitem(last=False)
        return after is not None
