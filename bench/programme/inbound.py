"""Mail from another server to port 25: STARTTLS, a DKIM signature to verify, over kept connections and over new ones.

A new one waits a tenth of a second for its greeting (who talks before is sent away), hence more of them at a time.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from bench import accounts
from bench.loop import Timing
from bench.programme.actors.strangers import DOMAIN, SELECTOR
from bench.programme.case import Case, case
from bench.programme.job import READERS, Job
from bench.programme.scene import look, scene
from shared.mail.dkim import private
from tests.dns_server import DnsServer
from tests.federation import txt
from tests.suite import Suite

HERE = "here.test"
CASES = (("KeptStranger", "kept", 16), ("FreshStranger", "fresh", 64))


def run(timing: Timing) -> list[Case]:
    """Measure each kind of connection; each brings mail to one reader, and nobody reads."""
    with _world() as (suite, key):
        accounts.make(suite.owner_url, HERE, READERS, max(servers for _, _, servers in CASES))
        found = []
        for kind, word, servers in CASES:
            job = Job(
                kind=kind,
                host=suite.address,
                port=suite.ports["port_smtp"],
                domain=HERE,
                users=servers,
                secret=key,
                warm_up=timing.warm_up,
                seconds=timing.seconds,
            )
            found.append(case(f"{servers} {word}", look(suite, job)))
    return found


@contextmanager
def _world() -> Iterator[tuple[Suite, str]]:
    """Run a suite for a domain, in a DNS that has another's key; yields the file of that key, too."""
    key = private.make_rsa()
    with DnsServer() as dns, scene(MADDY_DOMAIN=HERE, MADDY_DNS=dns.address) as suite:
        dns.set(f"{SELECTOR}._domainkey.{DOMAIN}", "TXT", [txt(private.public_record(key))])
        dns.set(DOMAIN, "MX", [f"10 mx.{DOMAIN}."])
        file = suite.folder / "stranger.pem"
        file.write_text(key)
        yield suite, str(file)
