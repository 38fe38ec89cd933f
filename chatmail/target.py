"""Which suite a command speaks to: the one in the environment, or the one that runs on a data folder.

What speaks to Postgres and hashes passwords is imported where it is used: `chatmail up` needs neither, and is to be up
before anyone looks away.
"""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from chatmail import folder as folders
from chatmail.trouble import Trouble
from shared import settings as reading
from shared.policy.accounts import Rules
from shared.settings import Settings
from shared.storage.errors import Unavailable

if TYPE_CHECKING:
    from shared.queue.overview import Overview
    from shared.storage.operator import Operator

DEFAULT_DATA = Path("data")


@dataclass(frozen=True, slots=True)
class Target:
    """A suite: its database and Redis in the role `operator`, and the settings it runs with."""

    database_url: str
    redis_url: str
    settings: Settings
    owner_url: str = ""  # as the database's owner, where that is known: for backups

    @property
    def rules(self) -> Rules:
        """What names and passwords this suite takes."""
        chosen = self.settings
        return Rules(chosen.username_min, chosen.username_max, chosen.password_min, chosen.domains)

    def operator(self) -> "Operator":
        """Connect to the database as the operator; raise Trouble if it does not answer."""
        from shared.storage.operator import Operator

        try:
            return Operator(self.database_url)
        except Unavailable:
            raise Trouble("the database does not answer; does the suite run?") from None

    def overview(self) -> "Overview | None":
        """Return what Redis knows of the suite, or None while it is away."""
        from shared.queue.overview import overview

        return overview(self.redis_url) if self.redis_url else None


def hashed(password: str) -> str:
    """Return what is stored of a password."""
    from shared.storage.passwords import hash_now

    return hash_now(password)


def find(data: Path | None) -> Target:
    """Return the suite meant: `--data` first, then MADDY_DATABASE_URL, then MADDY_DATA or ./data; or raise Trouble."""
    url = given_url()
    if url and data is None:
        settings = reading.read()
        return Target(url, settings.redis_url, settings, url)
    return running(data or Path(os.environ.get("MADDY_DATA") or DEFAULT_DATA))


def given_url() -> str:
    """Return the database that the environment or a secret names; nothing where a data folder has its own."""
    secrets = (folder / "maddy_database_url" for folder in reading.secrets())
    named = (path.read_text().strip() for path in secrets if path.is_file())
    return os.environ.get("MADDY_DATABASE_URL", "") or next(named, "")


def running(data: Path) -> Target:
    """Return the suite that runs on this data folder, or raise Trouble."""
    folder = folders.at(data)
    try:
        status = json.loads(folder.status.read_text())
    except PermissionError:
        raise Trouble(f"the suite on {folder.root} belongs to another user; run this command as that user") from None
    except (OSError, ValueError):
        raise Trouble(
            f"no suite runs on {folder.root}; start it with `chatmail up`, name its folder with --data, "
            "or its database with MADDY_DATABASE_URL"
        ) from None
    settings = Settings(**status["settings"])
    return Target(status["database_url"], status["redis_url"], settings, status.get("owner_url", ""))
