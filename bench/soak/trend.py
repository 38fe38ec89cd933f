"""Whether a column of samples grows: a straight line through its points (least squares), and what that means.

Strategy: a store that is used breathes (vacuum, heaps, caches), so that a slope alone says little. `flat` is less than
a hundredth of the mean an hour, or less than a floor; what grows is told with its slope in the second half beside it,
since what fills up slows down and what leaks does not.
"""

from collections.abc import Sequence
from dataclasses import dataclass

FLAT_SHARE = 0.01  # of the mean, an hour


@dataclass(frozen=True, slots=True)
class Trend:
    """A column's mean and slopes an hour, in its own unit."""

    first: float
    last: float
    mean: float
    slope: float
    late_slope: float  # of the second half of the time

    def is_flat(self, floor: float) -> bool:
        """Whether it grows by less than `floor` an hour, or hardly for its size."""
        return self.slope <= max(floor, FLAT_SHARE * self.mean)

    def has_settled(self, floor: float) -> bool:
        """Whether it grew at first and is flat in the second half of the time."""
        return not self.is_flat(floor) and self.late_slope <= max(floor, FLAT_SHARE * self.mean)


def trend(minutes: Sequence[float], values: Sequence[float]) -> Trend:
    """Return the trend of a column with at least two points."""
    middle = (minutes[0] + minutes[-1]) / 2
    late = [at for at, minute in enumerate(minutes) if minute >= middle]
    return Trend(
        first=values[0],
        last=values[-1],
        mean=sum(values) / len(values),
        slope=slope(minutes, values) * 60,
        late_slope=slope([minutes[at] for at in late], [values[at] for at in late]) * 60,
    )


def slope(places: Sequence[float], values: Sequence[float]) -> float:
    """Return by how much the line of least squares rises for one step of place; 0 where all places are one."""
    middle, mean = sum(places) / len(places), sum(values) / len(values)
    width = sum((place - middle) ** 2 for place in places)
    return sum((p - middle) * (v - mean) for p, v in zip(places, values, strict=True)) / width if width else 0.0
