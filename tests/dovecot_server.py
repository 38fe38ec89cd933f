"""Debian's Dovecot in a folder and at a loopback address of its own, run by whoever runs the test.

    with Dovecot(folder) as dovecot:
        connect(dovecot.address, dovecot.imaps)      # TLS with a certificate of its own; dovecot.imap is without

Any name with any password has an account, whose mail is a mdbox below the folder; a name is `user` or `user@domain`.
Run by root its processes are those of the package's users; run by anyone else all are theirs.
"""

import grp
import os
import pwd
import resource
import shutil
import socket
import tempfile
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.certificates import self_signed
from tests.needs import needs
from tests.strangers.program import Program
from tests.suite import free_address

# `clients` is for how many connections at once it has room, `more` what a test adds.
_CONFIGURATION = """
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/dovecot.log
listen = {address}
protocols = imap
default_internal_user = {internal}
default_internal_group = {internal_group}
default_login_user = {login}
first_valid_uid = 1
mail_uid = {mail}
mail_gid = {mail_group}
mail_home = {folder}/mail/%u
mail_location = {location}
mailbox_list_index = yes
ssl = yes
ssl_cert = <{folder}/certificate.pem
ssl_key = <{folder}/key.pem
disable_plaintext_auth = no
auth_mechanisms = plain login
auth_cache_size = 64M
mail_max_userip_connections = {clients}
default_client_limit = {room}
default_process_limit = {room}
default_vsz_limit = 0

passdb {{
  driver = static
  args = nopassword=y
}}
userdb {{
  driver = static
  args = uid={mail} gid={mail_group} home={folder}/mail/%u
}}
namespace inbox {{
  inbox = yes
}}
# Many clients in few processes: Dovecot's "high performance" mode of login.
service imap-login {{
  chroot =
  service_count = 0
  process_min_avail = 1
  process_limit = 2
  client_limit = {room}
  inet_listener imap {{
    port = {imap}
  }}
  inet_listener imaps {{
    port = {imaps}
    ssl = yes
  }}
}}
service imap {{
  process_limit = {room}
}}
service auth {{
  client_limit = {all_rooms}
}}
service anvil {{
  chroot =
  client_limit = {all_rooms}
}}
service imap-urlauth-login {{
  process_limit = 1
}}
service stats {{
  chroot =
}}
{more}
"""


class Dovecot:
    """A Dovecot that runs while it is a context; its folder is kept if given, else a temporary one is removed.

    `more` is configuration that wins over ours; `clients` is for how many connections there shall be room.
    """

    def __init__(
        self, folder: Path | None = None, *, location: str = "mdbox:~/mdbox", clients: int = 200, more: str = ""
    ) -> None:
        self.program = needs("dovecot")
        self._is_temporary = folder is None
        self.folder = folder or Path(tempfile.mkdtemp(prefix="dovecot-"))
        self.address = free_address()
        self.imap, self.imaps = _free_ports(self.address, 2)
        self._location = location
        self._clients = clients
        self._more = more

    def __enter__(self) -> Self:
        self._write()
        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        words = [needs("prlimit"), f"--nofile={most}", self.program, "-F", "-c", str(self.folder / "dovecot.conf")]
        self._running = Program(words, self.folder / "dovecot.log", self._answers)
        try:
            self._running.__enter__()
        except BaseException:
            self._clean()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._running.stop()
        self._clean()

    @property
    def pid(self) -> int:
        """Of the master process; all others are its children."""
        return self._running.process.pid

    def mail(self, user: str) -> Path:
        """Return the folder of a user's mail."""
        return self.folder / "mail" / user

    def output(self) -> str:
        """Everything that was logged."""
        return self._running.output()

    def _clean(self) -> None:
        if self._is_temporary:
            shutil.rmtree(self.folder, ignore_errors=True)

    def _answers(self) -> bool:
        with suppress(OSError), socket.create_connection((self.address, self.imap), 1.0) as connection:
            return connection.recv(4) == b"* OK"
        return False

    def _write(self) -> None:
        leaf = self_signed("localhost", self.address)
        (self.folder / "certificate.pem").write_bytes(leaf.pem)
        (self.folder / "key.pem").write_bytes(leaf.key_pem)
        internal, login = _users()
        mail = self.folder / "mail"
        mail.mkdir(exist_ok=True)
        os.chown(mail, internal.pw_uid, internal.pw_gid)
        self.folder.chmod(0o755)  # the processes' users must come to their sockets
        room = self._clients + 100
        written = _CONFIGURATION.format(
            folder=self.folder,
            address=self.address,
            imap=self.imap,
            imaps=self.imaps,
            internal=internal.pw_name,
            internal_group=grp.getgrgid(internal.pw_gid).gr_name,
            login=login.pw_name,
            mail=internal.pw_uid,
            mail_group=internal.pw_gid,
            location=self._location,
            clients=self._clients,
            room=room,
            all_rooms=2 * room + 100,
            more=self._more,
        )
        (self.folder / "dovecot.conf").write_text(written)


def _users() -> tuple[pwd.struct_passwd, pwd.struct_passwd]:
    """Return who is to run Dovecot's processes and who those that speak with strangers."""
    if os.geteuid() == 0:
        return pwd.getpwnam("dovecot"), pwd.getpwnam("dovenull")
    own = pwd.getpwuid(os.geteuid())
    return own, own


def _free_ports(address: str, number: int) -> list[int]:
    sockets = [socket.create_server((address, 0)) for _ in range(number)]
    ports = [sock.getsockname()[1] for sock in sockets]
    for sock in sockets:
        sock.close()
    return ports
