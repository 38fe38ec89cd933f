"""Whether the disk has room for more mail."""

import asyncio
import os
from pathlib import Path

from shared import log


class Disk:
    """`is_low` says whether fewer than `minimum` octets are free at `path`, as of the last look."""

    def __init__(self, path: Path, minimum: int) -> None:
        self._path = path
        self._minimum = minimum
        self.is_low = False
        self.look()

    def look(self) -> None:
        """Ask the file system now; a path that cannot be asked is no reason to refuse mail."""
        try:
            found = os.statvfs(self._path)
        except OSError as error:
            log.failure("disk_not_asked", error)
            return
        is_low = found.f_bavail * found.f_frsize < self._minimum
        if is_low != self.is_low:
            log.event("disk_low" if is_low else "disk_has_room")
        self.is_low = is_low

    async def watch(self, interval: float = 10.0) -> None:
        """Look every `interval` seconds, for ever."""
        while True:
            await asyncio.sleep(interval)
            self.look()
