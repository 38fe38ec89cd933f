"""How many unknown users one source may name: guessing addresses must not pay, nor closing the connection help."""

import time
from collections import OrderedDict
from collections.abc import Callable

from shared.policy.pace import Rate, step

RATE = Rate(per_minute=20, burst=20)
MAX_SOURCES = 65_536


class Rejects:
    """Counts rejects by source (a keyed hash), bounded: the least recent source is forgotten first."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._due: OrderedDict[str, float] = OrderedDict()

    def may_ask(self, source: str) -> bool:
        """Tell whether the source may name another recipient."""
        return step(RATE, self._due.get(source, 0.0), self._clock()) is not None

    def count(self, source: str) -> None:
        """Remember one reject."""
        due = self._due.pop(source, 0.0)
        after = step(RATE, due, self._clock())
        self._due[source] = due if after is None else after
        if len(self._due) > MAX_SOURCES:
            self._due.popitem(last=False)
