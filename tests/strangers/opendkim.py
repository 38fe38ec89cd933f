"""A real opendkim as a milter: signs what its own users and its own Postfix write, verifies what strangers bring."""

import socket
from contextlib import suppress
from pathlib import Path

from tests.dkim.recipe import pem, record
from tests.needs import needs
from tests.strangers.program import Program
from tests.suite import free_address

SELECTOR = "strange"
RECORD = record().decode()
PORT = 8891
# Its own users are those who come from 127.0.0.1, as the test's own clients do; the suite has another address.
_CONFIG = """
Mode sv
Socket inet:{port}@{address}
KeyTable {folder}/keys
SigningTable {folder}/signing
Canonicalization relaxed/simple
OversignHeaders From
AlwaysAddARHeader yes
AuthservID {hostname}
ResolverConfiguration {folder}/resolver
RequireSafeKeys no
Syslog no
Background no
UserID root
"""
_RESOLVER = """
server:
    do-not-query-localhost: no
    local-zone: "test." transparent
    module-config: iterator
forward-zone:
    name: "."
    forward-addr: {resolver}
"""


class OpenDkim(Program):
    """Signs for `domains`; `address` is where it is, as Postfix writes it."""

    def __init__(self, folder: Path, hostname: str, domains: list[str], resolver: str) -> None:
        host = free_address()
        self.address = f"inet:{host}:{PORT}"
        folder.mkdir()
        (folder / "key").write_text(pem())
        (folder / "keys").write_text("".join(f"{name} {name}:{SELECTOR}:{folder}/key\n" for name in domains))
        (folder / "signing").write_text("".join(f"{name} {name}\n" for name in domains))
        config = folder / "opendkim.conf"
        config.write_text(_CONFIG.format(port=PORT, address=host, folder=folder, hostname=hostname))
        (folder / "resolver").write_text(_RESOLVER.format(resolver=resolver))
        words = [needs("opendkim"), "-x", str(config), "-f"]
        super().__init__(words, folder / "opendkim.log", lambda: _answers(host, PORT))


def _answers(address: str, port: int) -> bool:
    with suppress(OSError), socket.create_connection((address, port), 5):
        return True
    return False
