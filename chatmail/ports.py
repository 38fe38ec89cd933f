"""Which ports to use, and who has them when they are taken.

The standard ports where this user may bind them, else every one of them plus 10000: all move together, so that one
sentence explains it. A port that was chosen by hand is never moved.
"""

import errno
import os
import secrets
import socket
from collections.abc import Container, Iterable, Iterator, Sequence
from contextlib import suppress
from ipaddress import ip_address
from pathlib import Path

from chatmail.services import PORTS, SERVICES
from chatmail.trouble import Trouble
from shared.settings import Settings

SHIFT = 10000
_FREE_RANGE = range(20000, 32000)  # for a port given as 0
_LISTENING = "0A"  # the state column of /proc/net/tcp
_NO_SUCH_FAMILY = {errno.EAFNOSUPPORT, errno.EPROTONOSUPPORT}


def choose(settings: Settings) -> dict[str, int]:
    """Return a port for every door by its settings name, all of them free now, or raise Trouble."""
    wanted = {name: int(getattr(settings, name)) for name in PORTS}
    usual = [name for name in PORTS if name not in settings.model_fields_set]
    if any(_trouble(settings.addresses, wanted[name]) == errno.EACCES for name in usual):
        wanted |= {name: wanted[name] + SHIFT for name in usual}
    for name, port in wanted.items():
        wanted[name] = port or _free(settings.addresses, wanted.values())
    for name, port in wanted.items():
        _check(settings.addresses, name, port)
    for port in metrics(settings).values():
        _check(inner(settings), "metrics_port", port)
    return wanted


def metrics(settings: Settings) -> dict[str, int]:
    """Return where each service tells its numbers, by its name: nowhere, or at ports in a row."""
    if not settings.metrics_port:
        return {}
    return {service.name: port for port, service in enumerate(SERVICES, settings.metrics_port)}


def inner(settings: Settings) -> list[str]:
    """Return the addresses at which they do: those chosen, else one of loopback, the suite's own if it has such."""
    own = (address for address in settings.addresses if ip_address(address).is_loopback)
    return settings.metrics_listen or [next(own, "127.0.0.1")]


def _check(addresses: Sequence[str], name: str, port: int) -> None:
    flag = "--" + name.replace("_", "-") if name in PORTS else f"MADDY_{name.upper()}"
    match _trouble(addresses, port):
        case 0:
            return
        case errno.EADDRINUSE:
            raise Trouble(f"port {port} is taken{_by_whom(port)}; stop that, or choose another port with {flag}")
        case errno.EACCES:
            raise Trouble(f"port {port} needs more rights than this user has; choose one above 1023 with {flag}")
        case errno.EADDRNOTAVAIL:
            raise Trouble(f"this machine has no address {' or '.join(addresses)}; choose another with --listen")
        case number:
            raise Trouble(f"port {port} cannot be used: {os.strerror(number)}; choose another with {flag}")


def _trouble(addresses: Iterable[str], port: int) -> int:
    """Return why the port cannot be bound on these addresses, as an errno; 0 if it can."""
    for address in addresses:
        try:
            _bind(address, port).close()
        except OSError as error:
            if error.errno not in _NO_SUCH_FAMILY and not (address == "::" and error.errno == errno.EADDRNOTAVAIL):
                return error.errno or errno.EINVAL
    return 0


def _free(addresses: Sequence[str], taken: Container[int]) -> int:
    # Below the range the kernel gives to outgoing connections: one of those could hold the port just when a service
    # that died wants it again.
    while (port := secrets.choice(_FREE_RANGE)) in taken or _trouble(addresses, port) == errno.EADDRINUSE:
        pass
    return port


def _bind(address: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind((address, port))
        sock.listen(1)  # two sockets may be bound with SO_REUSEADDR; only one may listen
    except OSError:
        sock.close()
        raise
    return sock


def _by_whom(port: int) -> str:
    for inode in _inodes(port):
        if holder := _holder(inode):
            return f" by {holder}"
    return ""


def _inodes(port: int) -> Iterator[str]:
    """Yield the inodes of the sockets that listen on a port (proc(5))."""
    for table in ("tcp", "tcp6"):
        with suppress(OSError):
            for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
                row = line.split()
                if row[3] == _LISTENING and row[1].endswith(f":{port:04X}"):
                    yield row[9]


def _holder(inode: str) -> str:
    """Return the program and process id that hold a socket, or nothing if this user may not see it."""
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if any(os.readlink(descriptor) == f"socket:[{inode}]" for descriptor in (process / "fd").iterdir()):
                return f"{(process / 'comm').read_text().strip()} (process {process.name})"
        except OSError:
            continue
    return ""
