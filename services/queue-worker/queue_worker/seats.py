"""Who may be delivered to at once, so that servers which only keep us waiting cannot take every seat.

Strategy: a destination that has taken mail within the last day may have any seat. All others share three quarters of
them: however many names a tarpit has, those who take their mail find a seat. An organisation has so many and no more.
What it is called is guessed: the last two labels of a domain (all of co.uk is one, then), an address literal by itself.
"""

import time
from collections import Counter
from collections.abc import Callable

SEATS = 500
SEATS_OF_ONE = 50  # organisation
WELL_KNOWN_SECONDS = 24 * 3600.0
MAX_WELL_KNOWN = 20_000


class Seats:
    """Counts the destinations under way, and remembers which took mail lately."""

    def __init__(
        self, seats: int = SEATS, of_one: int = SEATS_OF_ONE, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._seats = seats
        self._of_one = of_one
        self._clock = clock
        # By who sits there: the organisation, and whether it was well known.
        self._taken: dict[object, tuple[str, bool]] = {}
        self._by_organisation: Counter[str] = Counter()
        self._strangers = 0
        self._took_mail: dict[str, float] = {}  # the latest last

    @property
    def free(self) -> int:
        """Seats nobody has."""
        return self._seats - len(self._taken)

    def take(self, who: object, domain: str) -> bool:
        """Seat a destination; false if it has to wait."""
        name, is_well_known = organisation(domain), self._is_well_known(domain)
        if self.free <= 0 or self._by_organisation[name] >= self._of_one:
            return False
        if not is_well_known and self._strangers >= self._seats - self._seats // 4:
            return False
        self._taken[who] = name, is_well_known
        self._by_organisation[name] += 1
        self._strangers += not is_well_known
        return True

    def leave(self, who: object) -> None:
        """Free a seat."""
        name, was_well_known = self._taken.pop(who)
        self._strangers -= not was_well_known
        self._by_organisation[name] -= 1
        if not self._by_organisation[name]:
            del self._by_organisation[name]

    def took_mail(self, domain: str) -> None:
        """Remember a destination for a day."""
        self._took_mail.pop(domain, None)
        self._took_mail[domain] = self._clock()
        if len(self._took_mail) > MAX_WELL_KNOWN:
            del self._took_mail[next(iter(self._took_mail))]

    def was_away(self, domain: str) -> None:
        """Forget that it took mail."""
        self._took_mail.pop(domain, None)

    def _is_well_known(self, domain: str) -> bool:
        return self._clock() - self._took_mail.get(domain, float("-inf")) < WELL_KNOWN_SECONDS


def organisation(domain: str) -> str:
    """Return a name for all domains that are likely in one hand."""
    return domain if domain.startswith("[") else ".".join(domain.split(".")[-2:])
