"""How often one source may do a thing: messages a second, wrong guesses a minute.

Strategy: the generic cell rate algorithm keeps one number a source (a keyed hash, never an address). The table is
bounded: who was heard of longest ago is forgotten first. Figures are those of one process and are lost with it.
"""

import time
from collections import OrderedDict
from collections.abc import Callable

from shared.policy.pace import Rate, step

MAX_SOURCES = 65_536


class SourcePace:
    """Counts what sources do against `rate`."""

    def __init__(self, rate: Rate, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate = rate
        self._clock = clock
        self._due: OrderedDict[str, float] = OrderedDict()

    def may_go(self, source: str) -> bool:
        """Tell whether the source may do it once more; nothing is counted."""
        return step(self._rate, self._due.get(source, 0.0), self._clock()) is not None

    def count(self, source: str) -> bool:
        """Count once more, and return whether that was within the rate; what was not costs nothing."""
        due = self._due.pop(source, 0.0)
        after = step(self._rate, due, self._clock())
        self._due[source] = due if after is None else after
        if len(self._due) > MAX_SOURCES:
            self._due.popitem(last=False)
        return after is not None


def a_second(events: int) -> Rate:
    """Return the rate of so many events a second, all of which may come at once."""
    return Rate(per_minute=events * 60.0, burst=events)
