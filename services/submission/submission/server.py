"""The two doors of submission: 465, TLS from the first octet (RFC 8314), and 587 with STARTTLS."""

import asyncio
import ssl
from collections.abc import Callable, Sequence

from shared.listen.door import Door
from shared.listen.ticket import Ticket
from shared.mail import reply
from shared.smtp.connection import Connection
from shared.smtp.handler import Terms
from submission.desk import Desk
from submission.handler import User


def doors(
    desk: Desk,
    terms: Terms,
    tls: ssl.SSLContext,
    addresses: Sequence[str],
    ports: tuple[int, int],
    is_crowded: Callable[[], bool] = lambda: False,
) -> list[Door]:
    """Return the doors of every address; `ports` are those of implicit TLS and of STARTTLS."""

    def implicit(ticket: Ticket) -> asyncio.BaseProtocol:
        return Connection(ticket, User(desk, ticket), terms, is_tls=True, is_crowded=is_crowded)

    def explicit(ticket: Ticket) -> asyncio.BaseProtocol:
        return Connection(ticket, User(desk, ticket), terms, is_tls=False, tls=tls, is_crowded=is_crowded)

    refusal = reply.TOO_MANY_CONNECTIONS.line()
    return [
        door
        for address in addresses
        for door in (
            Door(address, ports[0], implicit, tls=tls, refusal=refusal),
            Door(address, ports[1], explicit, refusal=refusal),
        )
    ]
