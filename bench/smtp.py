"""An SMTP connection of the load generator: the envelope in one flight, then the message, as Delta Chat does it."""

import base64
from collections.abc import Sequence

from bench.wire import Wire, connect

PASSWORD = "a password for the bench"


class Smtp:
    """One connection; every method raises AssertionError where the server says something else than is hoped."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    async def greet(self, name: str = "bench") -> None:
        """Say EHLO."""
        self._wire.write(f"EHLO {name}\r\n".encode())
        await self.reply(b"250")

    async def start_tls(self) -> None:
        """Say STARTTLS and turn to TLS."""
        self._wire.write(b"STARTTLS\r\n")
        await self.reply(b"220")
        await self._wire.start_tls()

    async def log_in(self, address: str, password: str = PASSWORD) -> None:
        """Say AUTH PLAIN."""
        plain = base64.b64encode(f"\0{address}\0{password}".encode())
        self._wire.write(b"AUTH PLAIN " + plain + b"\r\n")
        await self.reply(b"235")

    async def send(self, envelope: bytes, message: bytes) -> None:
        """Send a message whose lines need no dot-stuffing and return at its 250; `envelope` is as of `envelope`."""
        self._wire.write(envelope)
        for _ in range(envelope.count(b"\r\n") - 1):
            await self.reply(b"250")
        await self.reply(b"354")
        self._wire.write(message + b".\r\n")
        await self.reply(b"250")

    async def quit(self) -> None:
        """Say QUIT, hear the answer, and leave."""
        self._wire.write(b"QUIT\r\n")
        await self.reply(b"221")
        self.close()

    async def reply(self, code: bytes) -> None:
        """Read one reply, which must have this code."""
        while (line := await self._wire.line())[3:4] == b"-":
            pass
        assert line.startswith(code), line

    def close(self) -> None:
        self._wire.close()


def envelope(sender: str, recipients: Sequence[str]) -> bytes:
    """Return MAIL, a RCPT for each, and DATA."""
    lines = [f"MAIL FROM:<{sender}>", *(f"RCPT TO:<{recipient}>" for recipient in recipients), "DATA", ""]
    return "\r\n".join(lines).encode()


async def log_in(host: str, port: int, source: str, address: str) -> Smtp:
    """Connect under TLS and log in; the first time makes the account."""
    smtp = Smtp(await connect(host, port, source))
    await smtp.reply(b"220")
    await smtp.greet()
    await smtp.log_in(address)
    return smtp
