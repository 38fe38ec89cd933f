"""Other servers that bring mail to port 25, signed by their domain with an RSA key of 2048 bits.

Strategy: as many letters as will likely be needed are signed before the measured time, so that the generator does not
take the servers' CPUs for it; what is needed more is signed on the way.
"""

import time
from pathlib import Path

from bench.accounts import name
from bench.client import source
from bench.messages import Messages
from bench.programme.job import READERS, Job
from bench.smtp import Smtp, envelope
from bench.wire import Wire, connect
from shared.mail.dkim import private
from shared.mail.dkim.sign import Signer
from shared.mail.headers import scan

DOMAIN, SELECTOR = "there.test", "sel"
READY = 600  # letters a second and generator


class KeptStranger:
    """A server that keeps its connection and sends one letter after the other, all to one reader."""

    def __init__(self, job: Job, number: int) -> None:
        self._job, self._number, self._count = job, number, 0
        sender = f"zoe{number:05}@{DOMAIN}"
        self._signer = Signer(DOMAIN, {SELECTOR: private.load(Path(job.secret).read_text())})
        self._messages = Messages(sender, job.size)
        self._envelope = envelope(sender, [f"{name(READERS, number)}@{job.domain}"])
        self._ready: list[bytes] = []
        self._smtp = Smtp(Wire())

    async def connect(self) -> None:
        """Sign what will be sent, and get to where MAIL may be said."""
        self._sign_ahead()
        await self._enter()

    async def cycle(self) -> dict[str, float]:
        """Bring a letter."""
        letter = self._ready.pop() if self._ready else self._letter()
        start = time.perf_counter()
        await self._smtp.send(self._envelope, letter)
        return {"done": time.perf_counter() - start}

    def close(self) -> None:
        self._smtp.close()

    def _sign_ahead(self) -> None:
        ready = int(READY * (self._job.warm_up + self._job.seconds) / self._job.users)
        self._ready = [self._letter() for _ in range(ready)]

    async def _enter(self) -> None:
        wire = await connect(self._job.host, self._job.port, source(self._job.host, self._number), is_tls=False)
        self._smtp = Smtp(wire)
        await self._smtp.reply(b"220")
        await self._smtp.greet(f"mx.{DOMAIN}")
        await self._smtp.start_tls()
        await self._smtp.greet(f"mx.{DOMAIN}")

    def _letter(self) -> bytes:
        self._count += 1
        raw = self._messages.numbered(f"{self._number}.{self._count}.{time.time_ns()}")
        return self._signer.sign(raw, scan(memoryview(raw)), int(time.time())) + raw


class FreshStranger(KeptStranger):
    """A server that connects for every letter."""

    async def connect(self) -> None:
        """Sign what will be sent."""
        self._sign_ahead()

    async def cycle(self) -> dict[str, float]:
        """Connect, turn to TLS, bring a letter, leave."""
        start = time.perf_counter()
        await self._enter()
        entered = time.perf_counter() - start
        brought = await super().cycle()
        await self._smtp.quit()
        return {"under TLS": entered, "accepted": brought["done"], "done": time.perf_counter() - start}
