"""Who writes at the submission door, from a connection that is kept or from a new one for each message."""

import time

from bench.accounts import name
from bench.client import source
from bench.messages import Messages
from bench.programme.job import READERS, USERS, Job
from bench.smtp import Smtp, envelope, log_in
from bench.wire import Wire


class KeptWriter:
    """Writes to its own circle of readers, or to itself where it has none."""

    def __init__(self, job: Job, number: int) -> None:
        self._job, self._number = job, number
        self._address = f"{name(USERS, number)}@{job.domain}"
        circle = range(number * job.recipients, (number + 1) * job.recipients)
        readers = [f"{name(READERS, reader)}@{job.domain}" for reader in circle]
        self._envelope = envelope(self._address, readers or [self._address])
        self._messages = Messages(self._address, job.size)
        self._smtp = Smtp(Wire())

    async def connect(self) -> None:
        """Log in."""
        self._smtp = await log_in(self._job.host, self._job.port, source(self._job.host, self._number), self._address)

    async def cycle(self) -> dict[str, float]:
        """Send a message."""
        message = self._messages.numbered(f"{self._number}.{time.time_ns()}")
        start = time.perf_counter()
        await self._smtp.send(self._envelope, message)
        return {"done": time.perf_counter() - start}

    def close(self) -> None:
        self._smtp.close()


class FreshWriter(KeptWriter):
    """Connects, says who it is, sends one message and says QUIT."""

    async def connect(self) -> None:
        """Log in once, so that the password is known afterwards, as it is in life."""
        await super().connect()
        await self._smtp.quit()

    async def cycle(self) -> dict[str, float]:
        """Connect, log in, send a message, leave."""
        start = time.perf_counter()
        await super().connect()
        entered = time.perf_counter() - start
        sent = await super().cycle()
        await self._smtp.quit()
        return {"logged in": entered, "accepted": sent["done"], "done": time.perf_counter() - start}
