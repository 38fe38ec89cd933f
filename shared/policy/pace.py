"""How fast one may go: the generic cell rate algorithm (GCRA), as numbers in and a number out."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rate:
    """`per_minute` in the long run, `burst` at once."""

    per_minute: float
    burst: int

    @property
    def interval(self) -> float:
        """Seconds between two events at the steady pace."""
        return 60.0 / self.per_minute

    @property
    def tolerance(self) -> float:
        """Seconds that an event may come early."""
        return self.interval * (self.burst - 1)


def step(rate: Rate, due: float, now: float, times: int = 1) -> float | None:
    """Return when the next event will be due if so many may happen now, or None if they may not.

    `due` is what the last step returned (0.0 for none yet); both are seconds on one clock.
    """
    last = max(due, now) + rate.interval * (times - 1)
    return last + rate.interval if last - now <= rate.tolerance else None
