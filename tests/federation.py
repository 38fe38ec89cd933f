"""A small world for federation: a DNS server, an authority for certificates, and suites on test domains.

    with World() as world:
        a, b = world.suite("a.test"), world.suite("b.test", {"MADDY_RETRY_DELAYS": "1"})
        world.dns.set("mx.c.test", "A", ["127.0.0.9"])     # strangers' records, as tests/dns_server.py has it

Every suite's mail exchanger is the domain itself, with a certificate everybody in this world trusts, at a loopback
address of its own and the ports SMTP and HTTPS that all of them take for the usual ones; no root is needed. Its records
are published, the DKIM keys included. Names resolve for the suites only: clients connect to `suite.address`.
"""

import tempfile
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

import psycopg
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.certificates import Authority
from tests.dns_server import DnsServer
from tests.suite import Suite, free_address

PORTS = {"port_smtp": 10025, "port_https": 10443}
FAST = {  # no test waits in real time
    "MADDY_RETRY_DELAYS": "1",
    "MADDY_SWEEP_SECONDS": "0.3",
    "MADDY_AMBIGUOUS_SECONDS": "1",
    "MADDY_CONNECT_SECONDS": "5",
    "MADDY_REPLY_SECONDS": "10",
    "MADDY_FINAL_SECONDS": "15",
}


class World:
    """Suites that can find and trust each other."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self.dns = DnsServer()
        self.authority = Authority()

    def __enter__(self) -> Self:
        self.folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="cm-world-")))
        self._stack.enter_context(self.dns)
        self.authority.write(self.folder / "ca.pem")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.__exit__(kind, error, trace)

    def settings(self, domain: str = "") -> dict[str, str]:
        """The settings of a suite in this world."""
        named = {"MADDY_DOMAIN": domain} if domain else {}
        return {
            **FAST,
            **named,
            "MADDY_DNS": self.dns.address,
            "MADDY_DIAL_PRIVATE": "true",
            "MADDY_REMOTE_PORT_SMTP": str(PORTS["port_smtp"]),
            "MADDY_REMOTE_PORT_HTTPS": str(PORTS["port_https"]),
            "SSL_CERT_FILE": str(self.folder / "ca.pem"),
        }

    def suite(self, domain: str, settings: Mapping[str, str] | None = None) -> Suite:
        """Start a suite for a domain, and publish what it needs to be reached and believed."""
        address = free_address()
        chosen = {**self.settings(domain), **(settings or {})}
        names = [domain, *filter(None, chosen.get("MADDY_LOCAL_DOMAINS", "").split(","))]
        self.certify(self.folder / domain, *names, *(f"mta-sts.{name}" for name in names), address)
        suite = Suite(self.folder / domain, address=address, settings=chosen, ports=PORTS)
        self._stack.enter_context(suite)
        self.publish(suite)
        return suite

    def certify(self, folder: Path, *names: str) -> None:
        """Write a certificate where a suite in `folder` looks for its operator's."""
        leaf = self.authority.issue(*names)
        tls = folder / "data/tls"
        tls.mkdir(parents=True, exist_ok=True)
        (tls / "fullchain.pem").write_bytes(leaf.pem)
        key = leaf.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        (tls / "privkey.pem").write_bytes(key)

    def publish(self, suite: Suite) -> None:
        """Put a suite's records into the DNS, for its further domains too: their mail exchanger is the same."""
        self.dns.set(suite.domain, "A", [suite.address])
        with psycopg.connect(suite.owner_url) as connection:
            keys = connection.execute("SELECT domain, selector, record FROM chatmail.dkim_key").fetchall()
        for domain, selector, record in keys:
            self.dns.set(domain, "MX", [f"10 {suite.domain}."])
            self.dns.set(domain, "TXT", ['"v=spf1 mx -all"'])
            self.dns.set(f"_dmarc.{domain}", "TXT", ['"v=DMARC1; p=reject; adkim=s; aspf=s"'])
            self.dns.set(f"{selector}._domainkey.{domain}", "TXT", [txt(record)])


def txt(text: str) -> str:
    """Write a TXT record's text as a zone file has it, in strings of at most 255 octets."""
    return " ".join(f'"{text[at : at + 255]}"' for at in range(0, len(text), 255))
