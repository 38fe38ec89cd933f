"""One way in: an address and port, what speaks there, and whether it speaks under TLS from the first octet."""

import asyncio
import ssl
from collections.abc import Callable
from dataclasses import dataclass

from shared.listen.ticket import Ticket


@dataclass(frozen=True, slots=True)
class Door:
    """`tls` is None where a connection starts in clear text; `refusal` is what one too many is told there."""

    host: str
    port: int
    protocol: Callable[[Ticket], asyncio.BaseProtocol]
    tls: ssl.SSLContext | None = None
    refusal: bytes = b""
