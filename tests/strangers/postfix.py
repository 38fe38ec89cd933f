"""A real Postfix with its own configuration, queue and mailboxes, on one loopback address, port 10025.

    with Postfix(folder, address, leaf, ca, milter, resolv, domains) as postfix:
        postfix.submit(sender, recipient, letter)     # as one of its own users; raises SMTPException
        postfix.mailbox("zoe@a.test")                 # what was delivered: files whole
        postfix.output()                              # what it says it did

It takes mail for `zoe` at each of its domains, and takes it for everybody else there too, only to find out that there
is no such user when it delivers: it reports that to the sender, as servers that ask nobody at RCPT do. To others it
sends by the plus tag of the recipient: `+dane` (DANE or nothing), `+secure` (as an MTA-STS policy demands), else
whatever encryption there is; never without.
"""

import os
import re
import shutil
import smtplib
import subprocess
from pathlib import Path
from typing import Self

from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.certificates import Leaf
from tests.needs import needs
from tests.strangers.program import PATIENCE, Program, until

PORT = 10025
USER = "zoe"
DAEMONS = Path("/usr/lib/postfix/sbin")
_NOBODY = 65534  # who owns the mailboxes: the delivery agent refuses to be root
_MAIN = """
compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/state
maillog_file = {folder}/postfix.log
maillog_file_prefixes = {folder}
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = {hostname}
myorigin = {origin}
mydestination =
mynetworks = 127.0.0.1/32
smtpd_relay_restrictions = permit_mynetworks, reject_unauth_destination
smtpd_recipient_restrictions =
smtpd_reject_unlisted_recipient = no
smtpd_peername_lookup = no
alias_maps =
local_recipient_maps =
virtual_mailbox_domains = {domains}
virtual_mailbox_base = {folder}/mail
virtual_mailbox_maps = texthash:{folder}/conf/users
virtual_uid_maps = static:{nobody}
virtual_gid_maps = static:{nobody}
notify_classes =
biff = no
smtpd_tls_security_level = may
smtpd_tls_chain_files = {folder}/tls.pem
smtpd_tls_loglevel = 1
smtpd_tls_received_header = yes
smtp_tcp_port = {port}
smtp_dns_support_level = dnssec
smtp_tls_security_level = encrypt
smtp_tls_loglevel = 1
smtp_tls_CAfile = {folder}/ca.pem
transport_maps = regexp:{folder}/conf/transports
smtpd_milters = {milter}
non_smtpd_milters = {milter}
internal_mail_filter_classes = bounce
milter_default_action = tempfail
minimal_backoff_time = 2s
maximal_backoff_time = 5s
queue_run_delay = 2s
"""
_MASTER = """
{address}:{port} inet n - n - - smtpd
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
proxymap unix - - n - - proxymap
virtual unix - n n - - virtual
error unix - - n - - error
retry unix - - n - - error
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
showq unix n - n - - showq
postlog unix-dgram n - n - 1 postlogd
smtp unix - - n - - smtp
dane unix - - n - - smtp
  -o syslog_name=postfix/dane
  -o smtp_tls_security_level=dane-only
secure unix - - n - - smtp
  -o syslog_name=postfix/secure
  -o smtp_tls_security_level=secure
  -o smtp_tls_secure_cert_match=hostname
"""
_TRANSPORTS = r"""
/^[^@]*\+dane@/ dane:
/^[^@]*\+secure@/ secure:
"""


class Postfix(Program):
    """See the module's text; the first domain is its own: its reports come from there."""

    def __init__(
        self, folder: Path, address: str, leaf: Leaf, ca: str, milter: str, resolv: Path, domains: list[str]
    ) -> None:
        self.address = address
        self._conf, self._mail = folder / "conf", folder / "mail"
        self._check = [needs("postfix"), "-c", str(self._conf), "check"]
        self._make_folders(folder)
        given = {"folder": folder, "address": address, "port": PORT, "milter": milter, "nobody": _NOBODY}
        self._configure(given, domains)
        (folder / "ca.pem").write_text(ca)
        key = leaf.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        (folder / "tls.pem").write_bytes(key + leaf.pem)
        words = [str(DAEMONS / "master"), "-c", str(self._conf), "-s"]
        super().__init__(words, folder / "postfix.log", lambda: "daemon started" in self.output(), resolv=resolv)

    def _make_folders(self, folder: Path) -> None:
        for name in ("conf", "queue", "state", "mail"):
            (folder / name).mkdir(parents=True)
        shutil.chown(folder / "state", "postfix")
        os.chown(self._mail, _NOBODY, _NOBODY)

    def _configure(self, given: dict[str, object], domains: list[str]) -> None:
        given |= {"domains": " ".join(domains), "origin": domains[0], "hostname": f"mx.{domains[0]}"}
        (self._conf / "main.cf").write_text(_MAIN.format(**given))
        (self._conf / "master.cf").write_text(_MASTER.format(**given))
        (self._conf / "transports").write_text(_TRANSPORTS)
        (self._conf / "users").write_text("".join(f"{USER}@{domain} {USER}@{domain}/\n" for domain in domains))

    def __enter__(self) -> Self:
        subprocess.run(self._check, check=True, timeout=PATIENCE)  # makes the queue's folders
        return super().__enter__()

    def submit(self, sender: str, recipient: str, letter: bytes) -> None:
        """Hand it a letter as one of its own users."""
        with smtplib.SMTP(self.address, PORT, timeout=30) as client:
            client.sendmail(sender, [recipient], letter)

    def mailbox(self, address: str, words: str = "") -> list[str]:
        """Return the letters a user of it has got, those with these words in them."""
        files = sorted((self._mail / address).glob("new/*"), key=lambda file: file.stat().st_mtime_ns)
        return [text for file in files if words in (text := file.read_text())]

    def wait_for_log(self, pattern: str) -> str:
        """Return the first line of its log that has the pattern in it."""
        line = re.compile(f"^.*{pattern}.*$", re.MULTILINE)
        until(lambda: line.search(self.output()), f"in the log of Postfix: {pattern}")
        found = line.search(self.output())
        assert found
        return found[0]
