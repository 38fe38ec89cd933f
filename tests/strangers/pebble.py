"""A certificate authority: Debian's `pebble`, the test server of those who run the largest one.

    with Pebble(folder, dns.address, http_port=10080) as ca:
        ca.directory, ca.root          # for MADDY_ACME_URL, MADDY_ACME_ROOT
        ca.orders                      # how many were placed
        ca.stop(); ca.start()          # away, and back: it remembers nothing

It looks for us at `http_port`, finds names by the DNS server given, and confirms every name anew for every order.
"""

import json
import ssl
import urllib.request
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.certificates import Authority
from tests.needs import needs
from tests.strangers.program import Program
from tests.suite import free_address

PORT, MANAGEMENT = 14000, 15000


class Pebble:
    """One authority; `settings` are further lines of its configuration."""

    def __init__(self, folder: Path, dns: str, http_port: int, **settings: object) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder, self._dns = folder, dns
        self._address = free_address()
        self.directory = f"https://{self._address}:{PORT}/dir"
        self.log = folder / "pebble.log"
        authority = Authority("Pebble's own")
        self.root = authority.write(folder / "root.pem")
        leaf = authority.issue(self._address)
        key = leaf.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        (folder / "cert.pem").write_bytes(leaf.pem)
        (folder / "key.pem").write_bytes(key)
        self._context = ssl.create_default_context(cafile=str(self.root))
        self._settings = {
            "listenAddress": f"{self._address}:{PORT}",
            "managementListenAddress": f"{self._address}:{MANAGEMENT}",
            "certificate": str(folder / "cert.pem"),
            "privateKey": str(folder / "key.pem"),
            "httpPort": http_port,
            "tlsPort": 1,
            **settings,
        }
        self._program: Program | None = None

    def start(self) -> None:
        config = self._folder / "pebble.json"
        config.write_text(json.dumps({"pebble": self._settings}))
        choices = ["PEBBLE_VA_NOSLEEP=1", "PEBBLE_WFE_NONCEREJECT=0", "PEBBLE_AUTHZREUSE=0"]
        words = ["env", *choices, needs("pebble"), "-config", str(config), "-dnsserver", self._dns]
        self._program = Program(words, self.log, self._answers)
        self._program.__enter__()

    def stop(self) -> None:
        if self._program:
            self._program.stop()
            self._program = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def orders(self) -> int:
        """How many orders were placed, through all its starts."""
        return self.log.read_text().count("/order-plz") if self.log.exists() else 0

    @property
    def requests(self) -> int:
        """How many requests came, likewise."""
        return self.log.read_text().count("-> calling handler()") if self.log.exists() else 0

    @property
    def is_away(self) -> bool:
        return self._program is None

    def issuer(self) -> bytes:
        """Return the root of what it issues now (PEM)."""
        return self._get(f"https://{self._address}:{MANAGEMENT}/roots/0")

    def _answers(self) -> bool:
        with suppress(OSError):
            return bool(self._get(self.directory))
        return False

    def _get(self, url: str) -> bytes:
        with urllib.request.urlopen(url, context=self._context, timeout=5) as response:
            return bytes(response.read())
