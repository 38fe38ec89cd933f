"""As whom an embedded server runs.

PostgreSQL refuses to run as root. A root of a bare machine or a container can still start it: in a user namespace of
its own, where root's files look as if they were an ordinary user's and nothing need be chowned. Where namespaces are
not permitted (many containers), the server runs as `nobody` and gets its own folders chowned.
"""

import os
import pwd
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from chatmail.trouble import Trouble

_NAMESPACE = ("unshare", "--user", "--map-user=1000", "--map-group=1000")


@dataclass(frozen=True, slots=True)
class Identity:
    """What to put before a command, what to tell Popen, and to whom the folders must belong."""

    prefix: tuple[str, ...] = ()
    popen: dict[str, Any] = field(default_factory=dict)
    owner: tuple[int, int] | None = None

    def command(self, words: Sequence[str | Path]) -> list[str]:
        return [*self.prefix, *map(str, words)]

    def give(self, *paths: Path) -> None:
        """Make these belong to the server's user, and let it through their folders, where that is not ourselves."""
        if self.owner:
            for path in paths:
                os.chown(path, *self.owner)
                if path.parent.stat().st_uid == os.getuid():
                    path.parent.chmod(path.parent.stat().st_mode | 0o011)


@cache
def ordinary(program: Path) -> Identity:
    """Return an identity under which this program can run and is not root, or raise Trouble."""
    if os.geteuid() != 0:
        return Identity()
    for identity in (Identity(prefix=_NAMESPACE), _nobody()):
        if _can_run(identity, program):
            return identity
    raise Trouble(
        "PostgreSQL refuses to run as root, and neither a user namespace (unshare) nor the user `nobody` can be used. "
        "Start as an ordinary user, or name a server with MADDY_DATABASE_URL."
    )


def _nobody() -> Identity:
    user = pwd.getpwnam("nobody")
    who = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
    return Identity(popen=who, owner=(user.pw_uid, user.pw_gid))


def _can_run(identity: Identity, program: Path) -> bool:
    if identity.prefix and not shutil.which(identity.prefix[0]):
        return False
    try:
        command = identity.command([program, "--version"])
        return subprocess.run(command, capture_output=True, check=False, **identity.popen).returncode == 0
    except OSError:
        return False
