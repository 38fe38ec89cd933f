"""What an operator would run instead: Debian's Postfix and Dovecot as a minimal mail relay for one domain.

Strategy: nothing but what a message's way needs, and that in their own manner: TLS on 465 and 993, SASL by Dovecot,
LMTP into Maildir, Postfix's queue files synced, no milter, no filter. Limits that our load would meet are raised, as
they are for the suite.
"""

import shutil
import subprocess
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.certificates import self_signed
from tests.dovecot_server import Dovecot
from tests.needs import needs
from tests.strangers.program import Program
from tests.suite import free_address

DAEMONS = Path("/usr/lib/postfix/sbin")
DOMAIN = "relay.test"
_NO_DELAY = Path(__file__).parent / "no_delay.c"
CLIENTS = 1200  # connections at once, for which both have room
SUBMISSIONS, IMAPS, LMTP, AUTH = 465, 993, 24, 12345  # of an address of its own
_DOVECOT = """
protocols = imap lmtp
service imap-login {{
  inet_listener imaps {{
    address = {address}
    port = {imaps}
  }}
}}
service lmtp {{
  process_min_avail = 1
  inet_listener lmtp {{
    address = {address}
    port = {lmtp}
  }}
}}
service auth {{
  inet_listener postfix {{
    address = {address}
    port = {auth}
  }}
}}
"""
_MAIN = """
compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/state
maillog_file = {folder}/postfix.log
maillog_file_prefixes = {folder}
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = mx.{domain}
mydestination =
mynetworks =
alias_maps =
local_recipient_maps =
virtual_mailbox_domains = {domain}
virtual_mailbox_maps = static:all
virtual_transport = lmtp:inet:{address}:{lmtp}
smtpd_relay_restrictions = permit_sasl_authenticated, reject
smtpd_peername_lookup = no
smtpd_client_connection_count_limit = 0
smtpd_client_connection_rate_limit = 0
smtpd_client_message_rate_limit = 0
smtpd_client_recipient_rate_limit = 0
smtpd_sasl_type = dovecot
smtpd_sasl_path = inet:{address}:{auth}
smtpd_tls_chain_files = {folder}/tls.pem
default_process_limit = {clients}
default_destination_recipient_limit = 50
biff = no
disable_vrfy_command = yes
"""
_MASTER = """
{address}:{submissions} inet n - n - - smtpd
  -o smtpd_tls_wrappermode=yes
  -o smtpd_sasl_auth_enable=yes
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
proxymap unix - - n - - proxymap
error unix - - n - - error
retry unix - - n - - error
anvil unix - - n - 1 anvil
lmtp unix - - n - - lmtp
postlog unix-dgram n - n - 1 postlogd
"""


class Relay:
    """Both of them while it is a context, with their files below `folder`; needs root, as Postfix does.

    Its accounts are all names at DOMAIN, with any password.
    """

    domain = DOMAIN
    has_delay = True

    def __init__(self, folder: Path) -> None:
        self.folder, self.address = folder, free_address()
        (folder / "dovecot").mkdir(parents=True)
        given = {
            "folder": folder / "postfix",
            "address": self.address,
            "domain": DOMAIN,
            "submissions": SUBMISSIONS,
            "imaps": IMAPS,
            "lmtp": LMTP,
            "auth": AUTH,
            "clients": CLIENTS,
        }
        more = _DOVECOT.format(**given) + self._without_delay()
        self._dovecot = Dovecot(folder / "dovecot", location="maildir:~/Maildir", clients=CLIENTS, more=more)
        _configure(folder / "postfix", given)
        words = [str(DAEMONS / "master"), "-c", str(folder / "postfix" / "conf"), "-s"]
        log = folder / "postfix" / "postfix.log"
        self._postfix = Program(words, log, lambda: "daemon started" in self._postfix.output())
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            stack.enter_context(self._dovecot)
            subprocess.run([needs("postfix"), "-c", str(self.folder / "postfix" / "conf"), "check"], check=True)
            stack.enter_context(self._postfix)
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def _without_delay(self) -> str:
        """Let Dovecot tell who idles at once, where there is a compiler; else it does so after half a second."""
        compiler = shutil.which("cc")
        if compiler is None:
            return ""
        made = self.folder / "no_delay.so"
        subprocess.run([compiler, "-shared", "-fPIC", "-O2", "-o", str(made), str(_NO_DELAY), "-ldl"], check=True)
        self.has_delay = False
        return f"import_environment = $import_environment LD_PRELOAD={made}\n"

    @property
    def components(self) -> dict[str, int]:
        """The process of each of them; all others are their children."""
        return {"postfix": self._postfix.process.pid, "dovecot": self._dovecot.pid}


def _configure(folder: Path, given: Mapping[str, object]) -> None:
    for name in ("conf", "queue", "state"):
        (folder / name).mkdir(parents=True)
    shutil.chown(folder / "state", "postfix")
    (folder / "conf" / "main.cf").write_text(_MAIN.format(**given))
    (folder / "conf" / "master.cf").write_text(_MASTER.format(**given))
    leaf = self_signed(f"mx.{DOMAIN}")
    (folder / "tls.pem").write_bytes(leaf.key_pem + leaf.pem)
