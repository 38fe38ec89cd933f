"""The two servers under the same load: our suite, and Dovecot as its makers advise for many clients.

Accounts: one argon2id hash of the smallest profile for all, written by SQL, so that ten thousand first logins cost no
ten thousand hashes; afterwards the login cache is warm, as after a loss of the network. Dovecot takes any name.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from bench import accounting, accounts
from bench.imap.client import Place
from tests.dovecot_server import Dovecot
from tests.suite import Suite

PREFIX = "phone"

# The load comes from few addresses, writes faster than people do, and appends what is not encrypted.
SETTINGS = {
    "MADDY_SEND_PER_MINUTE": "1000000",
    "MADDY_SEND_BURST": "1000000",
    "MADDY_SOURCE_RATE": "1000000",
    "MADDY_SOURCE_CONNECTIONS": "1000000",
    "MADDY_GATE_APPEND": "off",
}

# One process for ten thousand mailboxes needs as many inotify watches, and each process an instance of its own: Debian
# allows 128 to a user. So clients share imap processes, which Dovecot can do but does not do by default.
CLIENTS_A_PROCESS = 200
# A client behind TLS takes its login process three descriptors, of 20 000.
LOGINS = 4
DOVECOT = f"""
imap_idle_notify_interval = 2 mins
service imap-login {{
  process_min_avail = {LOGINS}
  process_limit = {LOGINS}
  client_limit = 5000
}}
service imap {{
  client_limit = {CLIENTS_A_PROCESS}
  service_count = 0
  process_limit = 110
  user = dovecot
}}
"""


@dataclass(frozen=True, slots=True)
class Server:
    """What is measured: `roots` are all its processes' parents by name, `imap` those that speak IMAP."""

    name: str
    place: Place
    roots: dict[str, int]
    imap: tuple[str, ...]

    def cpu(self) -> dict[str, float]:
        """Return the CPU seconds used so far, by name."""
        return accounting.cpu(self.roots)

    def memory(self) -> int:
        """Return the octets (PSS) of what speaks IMAP."""
        return sum(accounting.memory({name: self.roots[name] for name in self.imap}).values())


@contextmanager
def ours(users: int) -> Iterator[Server]:
    """Run a suite with so many accounts."""
    with Suite(settings=SETTINGS) as suite:
        accounts.make(suite.owner_url, suite.domain, PREFIX, users)
        status, ports = suite.status, suite.ports
        place = Place(suite.address, ports["port_imaps"], ports["port_submissions"], suite.domain, PREFIX)
        yield Server("ours", place, {**status["services"], **status["servers"]}, ("imap",))


@contextmanager
def dovecot(users: int) -> Iterator[Server]:
    """Run Dovecot with room for so many clients."""
    with Dovecot(clients=users, more=DOVECOT) as running:
        place = Place(running.address, running.imaps, 0, "bench.test", PREFIX)
        yield Server("dovecot", place, {"dovecot": running.pid}, ("dovecot",))
