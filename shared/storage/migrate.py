"""`python -m shared.storage.migrate`: bring the database to today's schema, and make what is made once.

Strategy: under one advisory lock and in one transaction: roles, the migrations not yet seen, the functions and
grants of this version, and the suite's own secrets where they are missing. Running it again changes nothing, so
every start may run it; replicas that start together wait for one another. Where roles log in with passwords, these are
files in the secrets, `roles/imap` or, where systemd puts them, `roles_imap`, and set again each time.
"""

import secrets
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from shared import settings as settings_room
from shared.address import literal_ip
from shared.settings import Settings
from shared.storage import dkim_keys, selfsigned

ROLES = ("smtp_in", "submission", "imap", "queue_worker", "register", "operator")
LOCK = 0x63686174  # any number, the same for every version
HERE = Path(__file__).parent

Connection = psycopg.Connection[tuple[Any, ...]]


def migrate(url: str, settings: Settings, passwords: Mapping[str, str] | None = None) -> list[str]:
    """Migrate the database at `url` (as its owner); return the names of the migrations applied now.

    `passwords` are those of the roles; a role not named keeps what it has.
    """
    with psycopg.connect(url, connect_timeout=10) as connection:
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (LOCK,))
        applied = bring_up(connection, settings)
        _set_passwords(connection, passwords or {})
    return applied


def bring_up(connection: Connection, settings: Settings) -> list[str]:
    """Do all of it in the caller's transaction, under the caller's lock; return the migrations applied now."""
    _make_roles(connection)
    applied = _apply_migrations(connection)
    for path in (*sorted((HERE / "functions").glob("*.sql")), HERE / "roles.sql"):
        run_file(connection, path)
    _make_suite(connection, settings)
    dkim_keys.make(connection, settings.domains, settings.data / dkim_keys.FOLDER)
    return applied


def migrations() -> list[Path]:
    """Return the migrations in their order."""
    return sorted((HERE / "migrations").glob("*.sql"))


def _make_roles(connection: Connection) -> None:
    there = {row[0] for row in connection.execute("SELECT rolname FROM pg_roles")}
    for role in ROLES:
        if role not in there:
            connection.execute(sql.SQL("CREATE ROLE {} LOGIN").format(sql.Identifier(role)))


def _set_passwords(connection: Connection, passwords: Mapping[str, str]) -> None:
    for role in ROLES:
        if role in passwords:
            # Hashed here: what is sent could stand in a log.
            verifier = connection.pgconn.encrypt_password(passwords[role].encode(), role.encode(), b"scram-sha-256")
            statement = sql.SQL("ALTER ROLE {} PASSWORD {}")
            connection.execute(statement.format(sql.Identifier(role), sql.Literal(verifier.decode())))


def _apply_migrations(connection: Connection) -> list[str]:
    exists = connection.execute("SELECT to_regclass('chatmail.migration') IS NOT NULL").fetchone()
    seen = {row[0] for row in connection.execute("SELECT name FROM chatmail.migration")} if exists == (True,) else set()
    applied = []
    for path in migrations():
        if path.name not in seen:
            run_file(connection, path)
            connection.execute("INSERT INTO chatmail.migration (name) VALUES (%s)", (path.name,))
            applied.append(path.name)
    return applied


def _make_suite(connection: Connection, settings: Settings) -> None:
    if connection.execute("SELECT FROM chatmail.suite").fetchone() is not None:
        return
    certificate, key = selfsigned.make(_names(settings))
    connection.execute(
        "INSERT INTO chatmail.suite (login_key, certificate, certificate_key) VALUES (%s, %s, %s)",
        (secrets.token_bytes(32), certificate, key),
    )
    # UIDVALIDITY grows from the time of birth, so that even a server made anew does not repeat one.
    connection.execute("SELECT setval('chatmail.uidvalidity', extract(epoch FROM now())::bigint)")


def _names(settings: Settings) -> list[str]:
    names = [settings.hostname]
    for domain in sorted(settings.domains):
        ip = literal_ip(domain)
        names.append(str(ip) if ip else domain)
    wildcards = {"0.0.0.0", "::"}
    names += [address for address in settings.addresses if address not in wildcards]
    return list(dict.fromkeys(names))


def run_file(connection: Connection, path: Path) -> None:
    """Run every statement of a file."""
    connection.execute(path.read_bytes())


def main() -> None:
    """Migrate the database of MADDY_DATABASE_URL, which must be its owner's."""
    settings = settings_room.read()
    for name in migrate(settings.database_url, settings, _given_passwords(settings_room.secrets())):
        print(f"applied {name}")


def _given_passwords(folders: Sequence[Path]) -> dict[str, str]:
    names = {role: (f"roles/{role}", f"roles_{role}") for role in ROLES}
    found = {role: [folder / name for folder in folders for name in names[role]] for role in ROLES}
    return {role: path.read_text().strip() for role in ROLES for path in found[role] if path.is_file()}


if __name__ == "__main__":
    main()
