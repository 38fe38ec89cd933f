"""A corner of the DNS that is signed for real: knot signs, and unbound believes nothing else.

    with SignedNames(folder, ["a.test"], ["b.test"], dns.address) as names:
        names.resolver                        # "127.x.y.z", port 53: unbound, for everybody
        names.publish({"a.test": [...], "b.test": [...]})     # lines of zone files; once

Zones of the second list are signed too, with a key that is not the one unbound was told: bogus. What is in neither is
asked of the server given, which signs nothing: insecure.
"""

import subprocess
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.needs import needs
from tests.strangers.program import Program
from tests.suite import free_address

_KNOT = """
server:
    rundir: {folder}
    listen: {address}@5300
database:
    storage: {folder}
log:
  - target: stdout
    any: info
policy:
  - id: signed
    manual: on
    single-type-signing: on
template:
  - id: default
    file: {folder}/%s.zone
    zonefile-sync: -1
    journal-content: none
    dnssec-signing: on
    dnssec-policy: signed
zone:
"""
_UNBOUND = """
server:
    interface: {address}
    access-control: 127.0.0.0/8 allow
    do-not-query-localhost: no
    do-ip6: no
    username: ""
    chroot: ""
    pidfile: ""
    directory: "{folder}"
    use-syslog: no
    val-log-level: 2
    local-zone: "test." transparent
remote-control:
    control-enable: no
forward-zone:
    name: "."
    forward-addr: {unsigned}
"""
_HEAD = "{zone}. 300 IN SOA ns.{zone}. hostmaster.{zone}. 1 3600 600 86400 60\n{zone}. 300 IN NS ns.{zone}.\n"


class SignedNames:
    """See the module's text; `unsigned` is `address:port`."""

    def __init__(self, folder: Path, secure: list[str], bogus: list[str], unsigned: str) -> None:
        folder.mkdir()
        self.resolver = free_address()
        self.resolv = folder / "resolv.conf"
        self._folder, self._zones = folder, [*secure, *bogus]
        self._address = free_address()
        self._stack = ExitStack()
        self._knot = folder / "knot.conf"
        zones = "".join(f"  - domain: {zone}\n" for zone in self._zones)
        self._knot.write_text(_KNOT.format(folder=folder, address=self._address) + zones)
        anchors = [self._new_key(zone) for zone in secure] + [_another(self._new_key(zone)) for zone in bogus]
        self._unbound = folder / "unbound.conf"
        self._unbound.write_text(self._for_unbound(anchors, unsigned.replace(":", "@")))
        self.resolv.write_text(f"nameserver {self.resolver}\noptions edns0 trust-ad\n")

    def __enter__(self) -> Self:
        words = [needs("unbound"), "-d", "-c", str(self._unbound)]
        log = self._folder / "unbound.log"
        self._stack.enter_context(Program(words, log, lambda: "start of service" in log.read_text()))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def publish(self, zones: dict[str, list[str]]) -> None:
        """Sign and serve the zones."""
        for zone, lines in zones.items():
            names = f"ns.{zone}. 300 IN A {self._address}\n"
            (self._folder / f"{zone}.zone").write_text(_HEAD.format(zone=zone) + names + "\n".join(lines) + "\n")
        log = self._folder / "knot.log"
        words = [needs("knotd"), "-c", str(self._knot)]
        self._stack.enter_context(Program(words, log, lambda: "server started" in log.read_text()))

    def _new_key(self, zone: str) -> str:
        """Make a zone's key and return its DS record, which is the trust anchor."""
        self._keymgr(zone, "generate", "algorithm=ecdsap256sha256", "ksk=yes", "zsk=yes")
        return next(line for line in self._keymgr(zone, "ds").splitlines() if " 13 2 " in line)

    def _keymgr(self, *words: str) -> str:
        command = [needs("keymgr"), "-c", str(self._knot), *words]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    def _for_unbound(self, anchors: list[str], unsigned: str) -> str:
        trusted = "".join(f'server:\n    trust-anchor: "{anchor}"\n' for anchor in anchors)
        stubs = "".join(
            f'stub-zone:\n    name: "{zone}"\n    stub-addr: {self._address}@5300\n' for zone in self._zones
        )
        settings = _UNBOUND.format(address=self.resolver, folder=self._folder, unsigned=unsigned)
        return settings + trusted + stubs


def _another(anchor: str) -> str:
    """Return the DS record of a key nobody has."""
    return f"{anchor.rpartition(' ')[0]} {'00' * 32}"
