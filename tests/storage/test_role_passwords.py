"""The roles' passwords: what `migrate` sets is a SCRAM verifier of what the secrets say, and nobody else's changes."""

import base64
import hashlib
import hmac
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from shared.settings import Settings
from shared.storage import migrate

DOMAIN = Settings(domain="example.org")


@pytest.fixture
def owner_url(database_urls: dict[str, str]) -> Iterator[str]:
    """The owner's way; roles belong to the whole server, so afterwards they have no passwords again."""
    yield database_urls["postgres"]
    with psycopg.connect(database_urls["postgres"], autocommit=True) as owner:
        for role in migrate.ROLES:
            owner.execute(sql.SQL("ALTER ROLE {} PASSWORD NULL").format(sql.Identifier(role)))


def verifiers(url: str) -> dict[str, str | None]:
    with psycopg.connect(url) as owner:
        rows = owner.execute(
            "SELECT rolname, rolpassword FROM pg_authid WHERE rolname = ANY(%s)", (list(migrate.ROLES),)
        )
        return dict(rows.fetchall())


def is_of(verifier: str | None, password: str) -> bool:
    """Whether a verifier is that of a password (RFC 5803, RFC 7677)."""
    assert verifier
    kind, cost, keys = verifier.split("$")
    assert kind == "SCRAM-SHA-256"
    rounds, salt = cost.split(":")
    stored, _ = keys.split(":")
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), base64.b64decode(salt), int(rounds))
    client = hmac.digest(salted, b"Client Key", "sha256")
    return hashlib.sha256(client).digest() == base64.b64decode(stored)


def test_those_named_get_theirs_and_the_others_keep_what_they_have(owner_url: str) -> None:
    migrate.migrate(owner_url, DOMAIN, {"imap": "one", "submission": "two"})
    found = verifiers(owner_url)
    assert is_of(found["imap"], "one")
    assert not is_of(found["imap"], "two")
    assert is_of(found["submission"], "two")
    assert found["register"] is None
    migrate.migrate(owner_url, DOMAIN, {"imap": "three"})
    again = verifiers(owner_url)
    assert is_of(again["imap"], "three")
    assert again["submission"] == found["submission"]


@pytest.mark.parametrize("name", ["roles/imap", "roles_imap"], ids=["docker", "systemd"])
def test_they_are_read_from_the_secrets(owner_url: str, tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.write_text("from a file\n")
    settings = {"MADDY_DATABASE_URL": owner_url, "MADDY_DOMAIN": "example.org", "MADDY_DATA": str(tmp_path / "data")}
    done = subprocess.run(
        [sys.executable, "-m", "shared.storage.migrate"],
        env={**os.environ, **settings, "CREDENTIALS_DIRECTORY": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert is_of(verifiers(owner_url)["imap"], "from a file")
