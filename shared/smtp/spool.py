"""A message while it is being received: in memory, then in an unlinked file, within one budget for the process."""

import tempfile
from collections import Counter
from pathlib import Path
from typing import IO

from shared import log

IN_MEMORY = 1024 * 1024  # octets; longer messages go to a file
BUDGET = 256 * 1024 * 1024


class Budget:
    """Octets of messages that are under way in this process, all connections together.

    One payer has a quarter of them, so that it takes several to keep everybody else out; or `largest` octets, one
    message, where that is more. The payer "" is nobody in particular and has no share of its own.
    """

    def __init__(self, octets: int = BUDGET, largest: int = 0) -> None:
        self._left = octets
        self._share = max(octets // 4, largest)
        self._taken: Counter[str] = Counter()

    def is_spent(self, payer: str = "") -> bool:
        """Tell whether this payer can take nothing."""
        return self._room(payer) <= 0

    def take(self, octets: int, payer: str = "") -> bool:
        """Take so many, or none and return False."""
        if octets > self._room(payer):
            return False
        self._left -= octets
        if payer:
            self._taken[payer] += octets
        return True

    def give_back(self, octets: int, payer: str = "") -> None:
        """Return what the same payer took."""
        self._left += octets
        if payer:
            self._taken[payer] -= octets
            if not self._taken[payer]:
                del self._taken[payer]

    def _room(self, payer: str) -> int:
        return min(self._left, self._share - self._taken[payer]) if payer else self._left


class Received:
    """One message's octets, un-stuffed; its reader closes it.

    `has_failed` says that there was no room for all of it, in the budget or on the disk.
    """

    __slots__ = ("_budget", "_chunks", "_file", "_folder", "_payer", "has_failed", "size")

    def __init__(self, budget: Budget, folder: Path | None = None, payer: str = "") -> None:
        self._budget = budget
        self._payer = payer
        self._folder = folder
        self._chunks: list[bytes] = []
        self._file: IO[bytes] | None = None
        self.size = 0
        self.has_failed = False

    def write(self, octets: bytes) -> None:
        """Add octets; once this has failed, nothing is kept."""
        if self.has_failed or not octets:
            return
        if not self._budget.take(len(octets), self._payer):
            self._fail()
            return
        self.size += len(octets)
        if self._file is None and self.size <= IN_MEMORY:
            self._chunks.append(octets)
        else:
            self._spool(octets)

    def read(self) -> bytes:
        """Return the whole message; a large one comes from a file, which is for a thread to wait for."""
        if self._file is None:
            return self._chunks[0] if len(self._chunks) == 1 else b"".join(self._chunks)
        self._file.seek(0)
        return self._file.read()

    def close(self) -> None:
        """Free what it holds; may be called again."""
        self._budget.give_back(self.size, self._payer)
        self.size = 0
        self._chunks = []
        if self._file is not None:
            self._file.close()
            self._file = None

    def _spool(self, octets: bytes) -> None:
        try:
            if self._file is None:
                self._file = tempfile.TemporaryFile(dir=self._folder, buffering=0)  # noqa: SIM115
                self._file.writelines(self._chunks)
                self._chunks = []
            if self._file.write(octets) != len(octets):
                raise OSError("short write")
        except OSError as error:
            log.failure("spool_failed", error)
            self._fail()

    def _fail(self) -> None:
        self.close()
        self.has_failed = True
