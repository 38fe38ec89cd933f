"""The socket of a door."""

import errno
import socket

BACKLOG = 1024


def bind(host: str, port: int, *, has_siblings: bool) -> socket.socket | None:
    """Return the listening socket, None where this host has no IPv6; raise OSError naming the address and port."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return _bound(family, host, port, has_siblings=has_siblings)
    except OSError as error:
        if host == "::" and error.errno in (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL):
            return None
        raise OSError(error.errno, f"cannot listen on {host} port {port}: {error.strerror}") from error


def _bound(family: socket.AddressFamily, host: str, port: int, *, has_siblings: bool) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # accepted sockets inherit it
        if has_siblings:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind((host, port))
        sock.listen(BACKLOG)
    except OSError:
        sock.close()
        raise
    return sock
