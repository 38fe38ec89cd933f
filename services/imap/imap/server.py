"""The IMAP doors: 993 under TLS, 143 with STARTTLS."""

from collections.abc import Sequence

from imap.connection import Connection, Terms
from shared.listen.door import Door
from shared.listen.ticket import Ticket

TOO_MANY = b"* BYE [LIMIT] Too many connections, try again later\r\n"


class Server:
    """Makes connections on the same terms for every door."""

    def __init__(self, terms: Terms) -> None:
        self._terms = terms

    def connection(self, ticket: Ticket) -> Connection:
        """Return the protocol of one admitted connection; call it in the running loop."""
        return Connection(self._terms, ticket)

    def doors(self, addresses: Sequence[str], imap: int, imaps: int) -> list[Door]:
        """Return the doors at every address, `imap` and `imaps` being ports."""
        clear = [Door(address, imap, self.connection, None, TOO_MANY) for address in addresses]
        return clear + [Door(address, imaps, self.connection, self._terms.tls, TOO_MANY) for address in addresses]
