"""Who scans the code: asks the web service for an address, and logs in with it as a Delta Chat core does."""

import json
import re
import time
from typing import Any

from bench.programme.actors.entrants import elsewhere, log_in_to_read
from bench.programme.job import Job
from bench.wire import connect

_LENGTH = re.compile(rb"content-length: *(\d+)\r\n", re.IGNORECASE)


class Visitor:
    """Asks for an address by POST /new, each time from somewhere else, for one place is given few."""

    def __init__(self, job: Job, number: int) -> None:
        self._job, self._number, self._count = job, number, 0
        path = f"/new?t={job.secret}" if job.secret else "/new"
        self._request = f"POST {path} HTTP/1.1\r\nHost: {job.host}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"

    async def connect(self) -> None:
        """Have the web service load what it needs."""
        await self.cycle()

    async def cycle(self) -> dict[str, float]:
        """Ask."""
        start = time.perf_counter()
        await self._ask()
        return {"done": time.perf_counter() - start}

    def close(self) -> None:
        """Nobody stays."""

    @property
    def _source(self) -> str:
        return elsewhere(self._number + self._count * self._job.users)

    async def _ask(self) -> dict[str, Any]:
        self._count += 1
        wire = await connect(self._job.host, self._job.port, self._source)
        wire.write(self._request.encode())
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += await wire.line()
        assert head.startswith(b"HTTP/1.1 200"), head
        length = _LENGTH.search(head)
        assert length, head
        given: dict[str, Any] = json.loads(await wire.octets(int(length[1])))
        wire.close()
        return given


class Settler(Visitor):
    """Asks, and logs in over IMAP with what it got, which makes the account."""

    async def cycle(self) -> dict[str, float]:
        """Ask, and log in."""
        start = time.perf_counter()
        given = await self._ask()
        asked = time.perf_counter() - start
        wire = await connect(self._job.host, self._job.imaps, self._source)
        await log_in_to_read(wire, given["email"], given["password"])
        wire.close()
        return {"address in hand": asked, "done": time.perf_counter() - start}
