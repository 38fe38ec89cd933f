"""What an admitted connection carries with it."""

from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address, ip_address

from shared.address import plain_ip

Ip = IPv4Address | IPv6Address
NOBODY = IPv6Address(0)  # the unspecified address, which no connection comes from (RFC 4291 §2.5.2)


def read_ip(text: str) -> Ip:
    """Read an IP address as sockets write it, perhaps with a zone; raise ValueError for anything else."""
    return plain_ip(ip_address(text.partition("%")[0]))


def _nothing(*_: object) -> None:
    pass


class Ticket:
    """One admitted connection.

    `source` is a keyed hash of where it comes from: for counting, never for logs. `peer` is the address itself, for who
    must hold a sender's claim against it, and for the abuse log, which is off unless an operator wants one
    (`shared.abuse`); otherwise it is never stored, counted or logged. A protocol sets `on_drain` to learn that the
    service is about to stop, and calls `close` when its connection is lost; who counts connections elsewhere sets
    `on_closed` to learn of that.
    """

    __slots__ = ("_on_close", "_on_release", "is_closed", "is_released", "on_closed", "on_drain", "peer", "source")

    def __init__(
        self,
        source: str,
        on_release: Callable[[], None] = _nothing,
        on_close: Callable[["Ticket"], None] = _nothing,
        peer: Ip = NOBODY,
    ) -> None:
        self.source = source
        self.peer = peer
        self.on_drain: Callable[[], None] = _nothing
        self.on_closed: Callable[[], None] = _nothing
        self.is_released = False
        self.is_closed = False
        self._on_release = on_release
        self._on_close = on_close

    def release(self) -> None:
        """Count no longer against the source: its user has logged in."""
        if not self.is_released:
            self.is_released = True
            self._on_release()

    def close(self) -> None:
        """Count no longer at all; the connection is gone."""
        self.release()
        if not self.is_closed:
            self.is_closed = True
            self.on_drain = _nothing
            self._on_close(self)
            self.on_closed()
