"""The data folder: what lies where, and who may use it.

tls/        fullchain.pem and privkey.pem, if the operator has a certificate
postgres/   the embedded cluster
log/        what the embedded servers have to say (nothing personal)
run/        sockets, process ids, suite.json; worthless when nothing runs
lock        held by the one `chatmail up` that uses the folder
"""

import fcntl
import hashlib
import os
import stat
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from chatmail.trouble import Trouble

MAX_SOCKET_PATH = 107  # octets, sockaddr_un without its final NUL
LONGEST_SOCKET = "pg/.s.PGSQL.5432.lock"  # Postgres refuses by the socket's own name; the lock beside it must fit too
MAX_LOG = 10_000_000  # octets; a longer log moves aside at the next start


@dataclass(frozen=True, slots=True)
class Folder:
    """One data folder, by absolute path."""

    root: Path

    @property
    def postgres(self) -> Path:
        return self.root / "postgres"

    @property
    def log(self) -> Path:
        return self.root / "log"

    @property
    def run(self) -> Path:
        """Where sockets lie: below the data folder, or below the system's temporary folder if that path is too long."""
        usual = self.root / "run"
        if len(os.fsencode(usual / LONGEST_SOCKET)) <= MAX_SOCKET_PATH:
            return usual
        name = hashlib.sha256(os.fsencode(self.root)).hexdigest()[:12]
        return Path(tempfile.gettempdir()) / f"chatmail-{os.getuid()}-{name}"

    @property
    def postgres_sockets(self) -> Path:
        """Where Postgres has its socket: a folder that may belong to another user than the rest."""
        return self.run / "pg"

    @property
    def status(self) -> Path:
        """The file that tells other commands about the running suite."""
        return self.run / "suite.json"

    def make(self) -> None:
        """Make the folders, closed to other users, or raise Trouble."""
        try:
            for path in (self.root, self.log, self.run):
                path.mkdir(mode=0o700, parents=True, exist_ok=True)
            _own(self.run)
        except OSError as error:
            raise Trouble(
                f"cannot make the data folder {self.root}: {error.strerror}; choose another with --data"
            ) from None

    def lock(self) -> IO[str]:
        """Take the folder for this process until the returned file is closed, or raise Trouble."""
        file = (self.root / "lock").open("a+")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            file.seek(0)
            holder = file.read().strip() or "unknown"
            file.close()
            raise Trouble(
                f"the data folder {self.root} is in use by process {holder}; stop it, or choose another with --data"
            ) from None
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        return file

    def open_log(self, name: str) -> IO[bytes]:
        """Open log/NAME.log for appending; one that has grown long is moved to NAME.log.old first."""
        path = self.log / f"{name}.log"
        with suppress(FileNotFoundError):
            if path.stat().st_size > MAX_LOG:
                path.replace(path.with_suffix(".log.old"))
        return path.open("ab")


def at(path: Path) -> Folder:
    """Return the data folder at this path, which need not exist yet."""
    return Folder(path.expanduser().absolute())


def _own(run: Path) -> None:
    # In the shared temporary folder somebody else may have made this name first, to catch our sockets.
    found = run.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
        raise Trouble(f"{run} belongs to somebody else; remove it, or choose a shorter path with --data")
    run.chmod(0o700)
