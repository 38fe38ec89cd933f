"""The one door of smtp-in: 25, with STARTTLS, without which no mail is taken."""

import asyncio
import ssl
from collections.abc import Callable, Sequence

from shared.inbound.reception import Reception
from shared.listen.door import Door
from shared.listen.ticket import Ticket
from shared.mail import reply
from shared.smtp.connection import Connection
from shared.smtp.handler import Terms
from smtp_in.handler import Stranger


def doors(
    reception: Reception,
    terms: Terms,
    tls: ssl.SSLContext,
    addresses: Sequence[str],
    port: int,
    is_crowded: Callable[[], bool] = lambda: False,
) -> list[Door]:
    """Return the door of every address."""

    def protocol(ticket: Ticket) -> asyncio.BaseProtocol:
        return Connection(ticket, Stranger(reception, ticket), terms, is_tls=False, tls=tls, is_crowded=is_crowded)

    return [Door(address, port, protocol, refusal=reply.TOO_MANY_CONNECTIONS.line()) for address in addresses]
