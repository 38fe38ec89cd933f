"""What can be measured: how often (Counter), how much now (Gauge), how long (Histogram).

Strategy: a metric is declared once, at import, with all words its one label can have, so that nothing anybody sends can
become a label. Counting is a look-up and an addition in this worker's row (`page`); adding the rows up is left to
whoever asks.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from typing import Generic, TypeVar, cast

from shared.metrics.page import PAGE

W = TypeVar("W", bound=str)
Merge = Callable[[Iterable[float]], float]

DECLARED: "list[Metric]" = []


class Metric:
    """A name and a sentence; `services` are those that have it, none: all."""

    def __init__(self, name: str, text: str, cells: int, services: Sequence[str]) -> None:
        self.name = name
        self.text = text
        self.services = services
        self._at = PAGE.reserve(cells)
        DECLARED.append(self)

    def is_of(self, service: str) -> bool:
        """Whether this service has it."""
        return not self.services or service in self.services


class Counter(Metric, Generic[W]):
    """Counts events, by the word of a label if it has one; only ever grows."""

    def __init__(
        self, name: str, text: str, label: str = "", words: Sequence[W] = (), services: Sequence[str] = ()
    ) -> None:
        super().__init__(name, text, max(len(words), 1), services)
        self.label = label
        self._cells = {word: self._at + place for place, word in enumerate(words or [cast(W, "")])}

    def count(self, word: W = cast(W, ""), by: float = 1.0) -> None:  # noqa: B008 - a constant
        """Count an event, or so many."""
        PAGE.row[self._cells[word]] += by

    def here(self) -> float:
        """Return what this worker has counted, all words together."""
        return sum(PAGE.row[cell] for cell in self._cells.values())

    def here_of(self, word: W) -> float:
        """Return what this worker has counted of one word."""
        return PAGE.row[self._cells[word]]

    def total(self) -> dict[W, float]:
        """Return what all workers have counted, by word."""
        return {word: sum(row[cell] for row in PAGE.living) for word, cell in self._cells.items()}


class Gauge(Metric):
    """A number that goes up and down; `merge` is what the numbers of several workers become."""

    def __init__(self, name: str, text: str, merge: Merge = sum, services: Sequence[str] = ()) -> None:
        super().__init__(name, text, 1, services)
        self._merge = merge

    def set(self, value: float) -> None:
        """Say how much it is now, in this worker."""
        PAGE.row[self._at] = value

    def add(self, difference: float) -> None:
        """Say by how much it has changed."""
        PAGE.row[self._at] += difference

    def here(self) -> float:
        """Return this worker's."""
        return PAGE.row[self._at]

    def total(self) -> float:
        """Return that of all workers."""
        return self._merge([row[self._at] for row in PAGE.living])


class Histogram(Metric):
    """How often something took how long: a count for each bound, for what is above all bounds, and the sum."""

    def __init__(self, name: str, text: str, bounds: Sequence[float], services: Sequence[str] = ()) -> None:
        super().__init__(name, text, len(bounds) + 2, services)
        self.bounds = list(bounds)
        self._sum = self._at + len(bounds) + 1

    def observe(self, value: float) -> None:
        """Count one value; it belongs to the first bound that is not below it."""
        row = PAGE.row
        row[self._at + bisect_left(self.bounds, value)] += 1.0
        row[self._sum] += value

    def here(self) -> dict[str, int]:
        """Return how many values of this worker fell to each bound; those without any are left out."""
        counts = PAGE.row[self._at : self._sum]
        return {bound: int(count) for bound, count in zip(self._names(), counts, strict=True) if count}

    def total(self) -> tuple[list[tuple[str, float]], float]:
        """Return, of all workers, (bound, how many at or below it), ascending, and the sum of all values."""
        below, buckets = 0.0, []
        for place, name in enumerate(self._names(), self._at):
            below += sum(row[place] for row in PAGE.living)
            buckets.append((name, below))
        return buckets, sum(row[self._sum] for row in PAGE.living)

    def _names(self) -> list[str]:
        return [*map(str, self.bounds), "+Inf"]
