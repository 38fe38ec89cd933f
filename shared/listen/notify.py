"""Telling systemd how this process does (sd_notify(3)): a datagram to the socket it named, if it named one.

The socket's name is no setting of ours: who starts a process says where it waits to be told, and nobody else.
"""

import contextlib
import os
import socket

READY = "READY=1"
STOPPING = "STOPPING=1"

_NAME = "NOTIFY_SOCKET"
_PATIENCE_SECONDS = 1.0  # the other side reads at once, or is not there


def take() -> str:
    """Return the socket's name, "" for none, and keep it from what this process starts: Postgres would speak for us."""
    return os.environ.pop(_NAME, "")  # noqa: TID251 - see above


def tell(state: str, name: str | None = None) -> None:
    """Send a state to the named socket, or to the one in the environment; whoever is not there is not told."""
    if name is None:
        name = os.environ.get(_NAME, "")  # noqa: TID251 - see above
    if not name.startswith(("/", "@")):
        return
    address = "\0" + name[1:] if name.startswith("@") else name  # abstract: unix(7)
    with contextlib.suppress(OSError, ValueError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.settimeout(_PATIENCE_SECONDS)
        sock.sendto(state.encode(), address)
