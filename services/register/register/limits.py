"""How often one source may ask, and all sources together.

Strategy: the generic cell rate algorithm keeps one number a source, the time at which its bucket would be full again.
A source is the keyed hash its connection was admitted under (an IPv4 address or an IPv6 /64), or, behind a web proxy of
ours, that of the client it names. The figures are those of one process and are lost with it.
"""

import time
from collections import OrderedDict
from collections.abc import Callable

MAX_SOURCES = 65_536
EVERYONE = ""


class Allowance:
    """Lets a source ask `burst` times at once and then once in `seconds`."""

    def __init__(self, burst: int, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._tolerance = seconds * (burst - 1)
        self._clock = clock
        self._due: OrderedDict[str, float] = OrderedDict()

    def take(self, source: str) -> float:
        """Return 0.0 if the source may ask now, else the seconds until it may; a refusal costs nothing."""
        now = self._clock()
        due = max(self._due.pop(source, now), now)
        wait = due - now - self._tolerance
        self._due[source] = due if wait > 0 else due + self._seconds
        if len(self._due) > MAX_SOURCES:
            self._due.popitem(last=False)
        return max(wait, 0.0)

    def is_spent(self, source: str) -> bool:
        """Tell whether the source would have to wait; nothing is counted."""
        return self._due.get(source, 0.0) - self._clock() > self._tolerance


class Limits:
    """The limits of the web service."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._births = Allowance(10, 6.0, clock)
        self._all_births = Allowance(500, 0.02, clock)
        self._views = Allowance(60, 0.5, clock)

    def birth(self, source: str) -> float:
        """Count an address asked for; return the seconds to wait, 0.0 for none."""
        return self._births.take(source) or self._all_births.take(EVERYONE)

    def is_greedy(self, source: str) -> bool:
        """Tell whether it is this source that asked for too many addresses, and not all sources together."""
        return self._births.is_spent(source)

    def view(self, source: str) -> float:
        """Count a page or picture drawn; return the seconds to wait, 0.0 for none."""
        return self._views.take(source)
