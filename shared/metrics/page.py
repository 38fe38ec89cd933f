"""Where numbers live: a row of cells for each worker process, in memory they all see.

Strategy: a service's workers are forked from one process (`shared.listen.run`). Before that, one anonymous shared
mapping is made with a row for each; a worker writes to its own row only, so counting needs no lock, and any worker can
answer with the numbers of all. A cell is a float64, which is written in one piece. One cell is written by one thread.
"""

import mmap
import os
from collections.abc import Sequence
from typing import TypeAlias

CELLS = 512  # of a row, which is one page of memory
OCTETS = 8

Row: TypeAlias = "memoryview[float]"

_PID = 0  # the cell that says whose row it is; 0: nobody's yet


class Page:
    """The cells; `row` is this process's own, `rows` are those of all workers."""

    __slots__ = ("_taken", "row", "rows")

    def __init__(self) -> None:
        self._taken = _PID + 1
        self.rows: Sequence[Row] = ()
        self.spread(1)

    def spread(self, workers: int) -> None:
        """Make room for so many workers, all at zero; to be called before they are forked."""
        cells = memoryview(mmap.mmap(-1, workers * CELLS * OCTETS)).cast("d")
        self.rows = [cells[start : start + CELLS] for start in range(0, workers * CELLS, CELLS)]
        self.row = self.rows[0]

    def take(self, number: int) -> None:
        """Be the worker of this number, from 0."""
        self.row = self.rows[number]
        self.row[_PID] = os.getpid()

    def reserve(self, cells: int) -> int:
        """Return the first of so many cells that nobody else will have; called at import alone."""
        first = self._taken
        self._taken += cells
        if self._taken > CELLS:
            raise ValueError("more numbers are declared than a row has cells")
        return first

    @property
    def living(self) -> list[Row]:
        """The rows that a worker has taken."""
        return [row for row in self.rows if row[_PID]] or [self.row]

    @property
    def pids(self) -> list[int]:
        """The process of each living row."""
        return [int(row[_PID]) or os.getpid() for row in self.living]


PAGE = Page()
