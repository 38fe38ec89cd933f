"""`python -m chatmail.passwords FOLDER [HOST]`: the passwords of a suite whose services are kept apart, made once.

Strategy: every service has a folder of its own here and sees no other (docker-compose.yml mounts just that one), in it
its settings as files: how it reaches Postgres and Redis. What exists is kept, so that this may run at every start; what
a new version allows a Redis user is written anew. Without containers Postgres and Redis are both at HOST. Their files
are for users of other numbers to read, and hold hashes where those will do.
"""

import secrets
import sys
from pathlib import Path

from chatmail.embedded.valkey import access_rules
from chatmail.services import OPERATOR, SERVICES, redis_users

POSTGRES_HOST = "postgres"
REDIS_HOST = "redis"
OWNER = "postgres"
DATABASE = "chatmail"
MIGRATE = "migrate"
_OCTETS = 24


def write(folder: Path, host: str = "") -> None:
    """Put a folder for every service below `folder`; `host` is that of Postgres and Redis, if not the containers'."""
    rooms = {service.name: service.role for service in SERVICES} | {OPERATOR: OPERATOR}
    kept = {role: _kept(folder / "passwords" / role) for role in (OWNER, *rooms.values())}
    redis = {user: _kept(folder / "passwords" / f"redis-{user}") for user in redis_users()}
    for room, role in rooms.items():
        _put(folder / room / "maddy_database_url", database_url(role, kept[role], host))
        _put(folder / room / "maddy_redis_url", f"redis://{role}:{redis[role]}@{host or REDIS_HOST}:6379/0")
    # The door /mxdeliv is smtp-in's, and so is its way into Postgres.
    _put(folder / "register" / "maddy_inbound_database_url", database_url("smtp_in", kept["smtp_in"], host))
    _put(folder / MIGRATE / "maddy_database_url", database_url(OWNER, kept[OWNER], host))
    for role in rooms.values():
        _put(folder / MIGRATE / "roles" / role, kept[role])
    _put(folder / "postgres" / "password", kept[OWNER], mode=0o444)
    _put(folder / "redis" / "users.acl", access_rules(redis_users(), redis), mode=0o444)


def database_url(role: str, password: str, host: str = "") -> str:
    """Return where a role finds the database."""
    return f"postgresql://{role}:{password}@{host or POSTGRES_HOST}/{DATABASE}"


def _kept(path: Path) -> str:
    if not path.exists():
        _put(path, secrets.token_urlsafe(_OCTETS))
    return path.read_text().strip()


def _put(path: Path, text: str, mode: int = 0o400) -> None:
    path.parent.mkdir(mode=0o755 if mode & 0o004 else 0o700, parents=True, exist_ok=True)
    if path.exists() and path.read_text() == text + "\n":
        return
    new = path.with_name(path.name + ".new")
    new.unlink(missing_ok=True)
    new.touch(mode=0o600)
    new.write_text(text + "\n")
    new.chmod(mode)
    new.replace(path)


def main() -> None:
    """Write them below the folder named."""
    write(Path(sys.argv[1]), *sys.argv[2:3])


if __name__ == "__main__":
    main()
