"""When a message that another server would not take, or could not be asked about, is tried again."""

from collections.abc import Sequence
from dataclasses import dataclass

JITTER = 0.2  # so that what failed together does not come back together


@dataclass(frozen=True, slots=True)
class Schedule:
    """Seconds between tries, the last again and again; `ambiguous` is the least after an end of DATA nobody answered.

    RFC 5321 §4.5.4.1 asks for 30 minutes at least in the long run, and §4.5.3.2.6 gives a server ten minutes to answer.
    """

    delays: Sequence[float]
    ambiguous: float

    def after(self, attempts: int, chance: float) -> float:
        """Return the seconds until the next try, after so many (at least one); `chance` is random in [0, 1)."""
        delay = self.delays[min(max(attempts, 1), len(self.delays)) - 1]
        return delay * (1 + JITTER * (2 * chance - 1))

    def after_ambiguous(self, attempts: int, chance: float) -> float:
        """Return the same where the message may have been taken."""
        return max(self.after(attempts, chance), self.ambiguous)
