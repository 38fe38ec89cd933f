"""A Valkey of our own: one unix socket, nothing on disk, a user per service.

Everything in it may be lost (design §2), so it saves nothing. The passwords are made at every start and known to the
parent only; the file holds their hashes. A user may touch its own keys and channels, run no script unless its row in
the table of services says so, and no dangerous command but INFO, without which rq would fetch jobs in a way that loses
them (design §4.2).
"""

import hashlib
import secrets
import signal
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

from chatmail.embedded import binaries

STOP_SIGNAL = signal.SIGTERM
DEATH_SIGNAL = signal.SIGTERM

_CONFIGURATION = """\
port 0
unixsocket "{run}/valkey.sock"
unixsocketperm 700
aclfile "{run}/valkey.acl"
dir "{run}"
daemonize no
save ""
appendonly no
maxmemory 128mb
maxmemory-policy noeviction
# Nothing personal in logs: both of these would quote what clients sent.
slowlog-log-slower-than -1
crash-log-enabled no
"""


@dataclass(frozen=True, slots=True)
class Valkey:
    """One server: the folder of its socket, and what each user may touch (`~key*` and `&channel*` patterns)."""

    run: Path
    users: Mapping[str, Sequence[str]]
    passwords: dict[str, str] = field(default_factory=dict)

    def prepare(self) -> None:
        """Write the configuration and a fresh password for every user, or raise Trouble."""
        binaries.find_valkey()
        self.passwords.update({user: secrets.token_urlsafe(24) for user in self.users})
        (self.run / "valkey.acl").write_text(access_rules(self.users, self.passwords) + "\n")
        (self.run / "valkey.conf").write_text(_CONFIGURATION.format(run=self.run))
        self.clear()

    def clear(self) -> None:
        """Remove a socket whose server is gone."""
        self.socket.unlink(missing_ok=True)

    def command(self) -> list[str]:
        """Return the command that runs the server in the foreground."""
        return [str(binaries.find_valkey()), str(self.run / "valkey.conf")]

    def popen(self) -> dict[str, object]:
        """Return what Popen must be told beside the command."""
        return {}

    def is_ready(self) -> bool:
        """Tell whether the running server answers; that it asks who we are is answer enough."""
        try:
            with socket.socket(socket.AF_UNIX) as client:
                client.settimeout(1)
                client.connect(str(self.socket))
                client.sendall(b"PING\r\n")
                return client.recv(64).startswith((b"+PONG", b"-NOAUTH"))
        except OSError:
            return False

    def url(self, user: str) -> str:
        """Return the address under which a user connects."""
        return f"unix://{user}:{self.passwords[user]}@{quote(str(self.socket))}"

    @property
    def socket(self) -> Path:
        return self.run / "valkey.sock"


def access_rules(users: Mapping[str, Sequence[str]], passwords: Mapping[str, str]) -> str:
    """Return the ACL file of these users: nobody else may do anything."""
    return "\n".join(["user default off", *(_rule(user, users[user], passwords[user]) for user in users)])


def _rule(user: str, patterns: Sequence[str], password: str) -> str:
    digest = hashlib.sha256(password.encode()).hexdigest()
    commands = "+@all -@dangerous -@scripting +info"
    return f"user {user} on #{digest} resetkeys resetchannels {commands} {' '.join(patterns)}"
