"""Clients that say in their ALPN what they speak, as Delta Chat does on every port but 993 and 465."""

import imaplib
import smtplib
import socket
import ssl

from tests.people import trusting
from tests.proxies.front import Front


def secret(front: Front, port: str, source: str, alpn: str = "", name: str = "") -> ssl.SSLSocket:
    """Connect with TLS from a loopback address of choice."""
    context = trusting()
    if alpn:
        context.set_alpn_protocols([alpn])
    connection = front.connect(port, source)
    try:
        return context.wrap_socket(connection, server_hostname=name or None)
    except OSError:
        connection.close()
        raise


class Imap443(imaplib.IMAP4):
    """IMAP under TLS from the first octet, on a port where others speak too."""

    def __init__(self, front: Front, source: str) -> None:
        self._where = (front, "port_https", source, "imap")
        super().__init__()

    def _create_socket(self, _timeout: float | None) -> socket.socket:
        return secret(*self._where)


class Smtp443(smtplib.SMTP):
    """SMTP likewise."""

    def __init__(self, front: Front, source: str) -> None:
        self._where = (front, "port_https", source, "smtp")
        super().__init__(front.address, front.ports["port_https"])

    def _get_socket(self, _host: str, _port: int, _timeout: float) -> socket.socket:
        return secret(*self._where)
