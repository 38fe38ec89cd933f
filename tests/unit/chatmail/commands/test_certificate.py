"""`chatmail certificate`: whose is in force, and how asking goes."""

from pathlib import Path
from typing import Any

import psycopg
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.certificates import Authority
from tests.unit.chatmail.commands.conftest import Shell

Owner = psycopg.Connection[tuple[Any, ...]]


@pytest.fixture
def owner(database_urls: dict[str, str], shell: Shell, tmp_path: Path) -> Any:
    shell.environment = {**shell.environment, "MADDY_TLS": str(tmp_path)}
    with psycopg.connect(database_urls["postgres"], autocommit=True) as owner:
        owner.execute("TRUNCATE chatmail.acme_state, chatmail.acme_certificate")
        owner.execute("INSERT INTO chatmail.acme_state DEFAULT VALUES")
        yield owner


def asking(shell: Shell) -> None:
    shell.environment = {**shell.environment, "MADDY_ACME_EMAIL": "me@example.org"}


def issue(owner: Owner) -> None:
    owner.execute(
        "INSERT INTO chatmail.acme_certificate (chain, private_key, names, not_before, not_after, directory) VALUES "
        "('', '', '{h.test,a.test}', now(), now() + interval '40 days 1 hour', 'https://ca.test')"
    )


def test_self_signed(shell: Shell, owner: Owner) -> None:
    told = shell.run("certificate")[1]
    assert "self-signed" in told
    assert "MADDY_ACME_EMAIL is not set" in told
    assert shell.json("certificate")["source"] == "self-signed"
    assert "MADDY_ACME_EMAIL is not set" in shell.refused("certificate", "renew")


def test_the_operators(shell: Shell, owner: Owner, tmp_path: Path) -> None:
    issue(owner)
    leaf = Authority().issue("mine.test", "192.0.2.1", days=30)
    (tmp_path / "fullchain.pem").write_bytes(leaf.pem)
    assert shell.json("certificate")["source"] == "authority"  # one file is no pair
    key = leaf.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (tmp_path / "privkey.pem").write_bytes(key)
    found = shell.json("certificate")
    assert (found["source"], found["names"]) == ("files", ["mine.test", "192.0.2.1"])
    (tmp_path / "fullchain.pem").write_text("junk")
    assert "is no certificate" in shell.refused("certificate")


def test_an_authoritys(shell: Shell, owner: Owner) -> None:
    asking(shell)
    issue(owner)
    told = shell.run("certificate")[1]
    assert "from the authority" in told
    assert "h.test, a.test" in told
    assert "40 days" in told
    assert "problem" not in told
    owner.execute("UPDATE chatmail.acme_certificate SET not_after = now()")
    assert shell.json("certificate")["source"] == "self-signed"


def test_what_went_wrong_and_when_it_is_tried_again(shell: Shell, owner: Owner) -> None:
    asking(shell)
    owner.execute(
        "UPDATE chatmail.acme_state SET failures = 1, problem = 'connection', problem_names = '{h.test}', "
        "problem_at = now(), next_at = now() + interval '1 hour'"
    )
    told = shell.run("certificate")[1]
    assert "problem      connection (h.test): the authority could not reach port 80" in told
    assert "next try" in told
    assert shell.json("certificate", "renew") == {"asked": True}
    assert "asking       now" in shell.run("certificate")[1]
