"""The one door of smtp-in: 25, with STARTTLS for who wants it."""

import asyncio
import ssl
from collections.abc import Callable, Sequence

from shared.listen.door import Door
from shared.listen.ticket import Ticket
from shared.mail import reply
from shared.smtp.connection import Connection
from shared.smtp.handler import Terms
from smtp_in.handler import Desk, Stranger


def doors(
    desk: Desk,
    terms: Terms,
    tls: ssl.SSLContext,
    addresses: Sequence[str],
    port: int,
    is_crowded: Callable[[], bool] = lambda: False,
) -> list[Door]:
    """Return the door of every address."""

    def protocol(ticket: Ticket) -> asyncio.BaseProtocol:
        stranger = Stranger(desk, ticket.source)
        return Connection(ticket, stranger, terms, is_tls=False, tls=tls, is_crowded=is_crowded)

    return [Door(address, port, protocol, refusal=reply.TOO_MANY_CONNECTIONS.line()) for address in addresses]
