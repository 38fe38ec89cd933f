"""Who logs in: connects under TLS, shows a password, and goes.

Those who are known come again and again; of the others each comes once, so that argon2 has the word: accounts that were
made before, or that are born by it. The born come from many addresses, for one address gives birth to few.
"""

import time

from bench.accounts import name
from bench.client import source
from bench.programme.job import USERS, Job
from bench.smtp import PASSWORD, Smtp
from bench.wire import Wire, connect


class Known:
    """Logs in over IMAP, as the same one every time; `_name` is who comes next."""

    def __init__(self, job: Job, number: int) -> None:
        self._job, self._number, self._count = job, number, 0

    @property
    def _name(self) -> str:
        return f"{name(USERS, self._number)}@{self._job.domain}"

    @property
    def _source(self) -> str:
        return source(self._job.host, self._number)

    async def connect(self) -> None:
        """Be known."""
        await self.cycle()

    async def cycle(self) -> dict[str, float]:
        """Come and go."""
        start = time.perf_counter()
        wire = await connect(self._job.host, self._job.port, self._source)
        connected = time.perf_counter() - start
        await self._show_password(wire)
        done = time.perf_counter() - start
        wire.close()
        self._count += 1
        return {"connected": connected, "done": done}

    def close(self) -> None:
        """Nobody stays."""

    async def _show_password(self, wire: Wire) -> None:
        await log_in_to_read(wire, self._name, PASSWORD)


class KnownWriter(Known):
    """Logs in at the submission door."""

    async def _show_password(self, wire: Wire) -> None:
        smtp = Smtp(wire)
        await smtp.reply(b"220")
        await smtp.greet()
        await smtp.log_in(self._name)


class Newcomer(Known):
    """Logs in over IMAP as somebody else every time, from somewhere else."""

    @property
    def _turn(self) -> int:
        return self._number + self._count * self._job.users

    @property
    def _name(self) -> str:
        return f"{name(USERS, self._turn)}@{self._job.domain}"

    @property
    def _source(self) -> str:
        return elsewhere(self._turn)


def elsewhere(number: int) -> str:
    """Return one of six million loopback addresses that no server of ours has."""
    return f"127.{128 + number // 62_500 % 100}.{number // 250 % 250}.{1 + number % 250}"


async def log_in_to_read(wire: Wire, address: str, password: str) -> None:
    """Read IMAP's greeting and log in."""
    await wire.line()
    wire.write(f'a1 LOGIN "{address}" "{password}"\r\n'.encode())
    while not (line := await wire.line()).startswith(b"a1 "):
        pass
    assert line.startswith(b"a1 OK"), line
