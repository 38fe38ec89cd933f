"""A world in which our suite meets servers that are none of ours: Postfix, opendkim, knot, unbound.

One Postfix plays all of these, and a stranger's letter tells by its domain which promise was kept:

| domain            | its zone          | its promise for port 25            | its certificate           |
|-------------------|-------------------|------------------------------------|---------------------------|
| `right.dane.test` | signed            | TLSA, of its certificate           | good                      |
| `wrong.dane.test` | signed            | TLSA, of another certificate       | good, but for DANE        |
| `bogus.test`      | signed by another | none that anyone may believe       | good                      |
| `sts.test`        | unsigned          | MTA-STS, enforced                  | good                      |
| `late.test`       | unsigned          | MTA-STS, enforced                  | bears another name        |
| `plain.test`      | unsigned          | none                               | bears another name        |
| `careless.test`   | unsigned          | as before, and it signs no mail    | bears another name        |

The suite is `chat.dane.test`. Its records are what `chatmail dns` prints, served and signed by knot, with a TLSA record
for its certificate. Everybody asks the same unbound.
"""

import subprocess
import sys
from typing import Self

from cryptography import x509

from tests.certificates import tlsa
from tests.federation import PORTS, World, txt
from tests.remote import Remote
from tests.strangers.dnssec import SignedNames
from tests.strangers.opendkim import RECORD, SELECTOR, OpenDkim
from tests.strangers.postfix import Postfix
from tests.suite import Suite, free_address

HERE = "chat.dane.test"
RIGHT, WRONG, BOGUS = "right.dane.test", "wrong.dane.test", "bogus.test"
STS, LATE, PLAIN, CARELESS = "sts.test", "late.test", "plain.test", "careless.test"
SIGNING = [RIGHT, WRONG, BOGUS, STS, LATE, PLAIN]
GOOD = [RIGHT, WRONG, BOGUS, STS]  # whose names the certificate of the Postfix bears
NOBODYS = f"3 1 1 {'00' * 32}"
POLICY = f"version: STSv1\nmode: enforce\nmx: mx.{STS}\nmx: mx.{LATE}\nmax_age: 86400\n"


class Strangers(World):
    """See the module's text; `here`, `postfix` and `names` are running inside the block."""

    here: Suite
    names: SignedNames
    postfix: Postfix

    def __enter__(self) -> Self:
        super().__enter__()
        try:
            self._open()
        except BaseException:
            self._stack.close()
            raise
        return self

    def logs(self) -> dict[str, str]:
        """Return what each of the strangers has said, and the suite."""
        return {path.name: path.read_text(errors="replace") for path in sorted(self.folder.glob("*/*.log"))}

    def settings(self, domain: str = "") -> dict[str, str]:
        return {**super().settings(domain), "MADDY_DNS": self.names.resolver}

    def publish(self, suite: Suite) -> None:
        """Serve what the operator was told to publish, and the promises of the others."""
        right = self.leaf.tlsa(3, 1, 1)
        zone = [*self._ours(suite), *self._theirs(RIGHT, right), *self._theirs(WRONG, NOBODYS)]
        self.names.publish({"dane.test": zone, BOGUS: self._theirs(BOGUS, right)})
        for domain in (STS, LATE, PLAIN, CARELESS):
            self.dns.set(domain, "MX", [f"10 mx.{domain}."])
            self.dns.set(f"mx.{domain}", "A", [self._address])
            self.dns.set(f"{SELECTOR}._domainkey.{domain}", "TXT", [txt(RECORD)])
        for domain in (STS, LATE):
            self.dns.set(f"_mta-sts.{domain}", "TXT", ['"v=STSv1; id=1;"'])
            self.dns.set(f"mta-sts.{domain}", "A", [self._policies.address])

    def _open(self) -> None:
        self.folder.chmod(0o755)  # servers that are not root find their files below it
        self._address = free_address()
        self.leaf = self.authority.issue(*(f"mx.{domain}" for domain in GOOD))
        names = SignedNames(self.folder / "names", ["dane.test"], [BOGUS], self.dns.address)
        self.names = self._stack.enter_context(names)
        self._policies = self._stack.enter_context(self._policy_host())
        milter = OpenDkim(self.folder / "opendkim", f"mx.{RIGHT}", SIGNING, names.resolver)
        self._stack.enter_context(milter)
        where = (self.folder / "postfix", self._address, self.leaf, self.authority.pem)
        self.postfix = Postfix(*where, milter.address, names.resolv, [*SIGNING, CARELESS])
        self._stack.enter_context(self.postfix)
        self.here = self.suite(HERE)

    def _policy_host(self) -> Remote:
        leaf = self.authority.issue(f"mta-sts.{STS}", f"mta-sts.{LATE}")
        remote = Remote(free_address(), leaf, https_port=PORTS["port_https"])
        remote.pages["/.well-known/mta-sts.txt"] = (200, "text/plain", POLICY.encode())
        return remote

    def _ours(self, suite: Suite) -> list[str]:
        certificate = x509.load_pem_x509_certificate((suite.folder / "data/tls/fullchain.pem").read_bytes())
        record = tlsa(certificate, 3, 1, 1)
        return [
            f"{HERE}. 300 IN A {suite.address}",
            *(f"_{port}._tcp.{HERE}. 300 IN TLSA {record}" for port in (25, PORTS["port_smtp"])),
            *chatmail(suite, "dns").splitlines(),
        ]

    def _theirs(self, domain: str, record: str) -> list[str]:
        return [
            f"{domain}. 300 IN MX 10 mx.{domain}.",
            f"mx.{domain}. 300 IN A {self._address}",
            f"_25._tcp.mx.{domain}. 300 IN TLSA {record}",
            f"{SELECTOR}._domainkey.{domain}. 300 IN TXT {txt(RECORD)}",
        ]


def chatmail(suite: Suite, *words: str) -> str:
    """Return what the operator's command says of a running suite."""
    command = [sys.executable, "-m", "chatmail", *words, "--data", str(suite.folder / "data")]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout
