"""`chatmail backup` and `restore` on a database that is named: as in containers, or one of the operator's own."""

import json
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from chatmail import target
from chatmail.embedded.postgres import Postgres
from shared import settings as reading
from tests.storage.backup_rig import empty_database
from tests.unit.chatmail.commands.conftest import Shell


@pytest.fixture(scope="module", autouse=True)
def accounts(database_urls: dict[str, str]) -> None:
    with psycopg.connect(database_urls["postgres"]) as owner:
        owner.execute("SELECT chatmail.make_account('someone@[127.0.0.1]', 'hash')")


@pytest.fixture
def owner(shell: Shell, database_urls: dict[str, str]) -> Shell:
    """The command with the owner's address."""
    return replace(shell, environment={**shell.environment, "MADDY_DATABASE_URL": database_urls["postgres"]})


@pytest.fixture
def new(shell: Shell, postgres_server: Postgres, tmp_path: Path) -> Iterator[Shell]:
    """The command with the owner's address of a new database."""
    with empty_database(postgres_server) as url:
        yield replace(shell, environment={**shell.environment, "MADDY_DATABASE_URL": url, "MADDY_DATA": str(tmp_path)})


def test_there_and_back(owner: Shell, new: Shell, tmp_path: Path) -> None:
    file = str(tmp_path / "file")
    taken = owner.json("backup", file)
    assert taken["rows"]["account"] == 1
    assert taken["octets"] == Path(file).stat().st_size
    assert new.json("restore", "--check", file) == taken
    assert new.json("restore", file) == taken
    assert "--replace" in new.refused("restore", file)
    assert new.json("restore", file, "--replace") == taken


def test_people_are_told_in_a_sentence(owner: Shell, new: Shell, tmp_path: Path) -> None:
    file = str(tmp_path / "file")
    _, out, _ = owner.run("backup", file)
    assert "is in the backup; accounts: 1, messages: 0" in out
    assert "whole; accounts: 1" in new.run("restore", "--check", file)[1]
    assert "is restored; accounts: 1" in new.run("restore", file)[1]


def test_the_operator_is_told_who_may(shell: Shell, tmp_path: Path) -> None:
    said = shell.refused("backup", str(tmp_path / "file"))
    assert "only the owner" in said
    assert "docker compose run" in said
    assert list(tmp_path.iterdir()) == []


def test_another_domain_is_refused_but_not_one_of_several(owner: Shell, new: Shell, tmp_path: Path) -> None:
    file = str(tmp_path / "file")
    owner.json("backup", file)
    other = replace(new, environment={**new.environment, "MADDY_DOMAIN": "other.test"})
    assert "nobody could log in" in other.refused("restore", file)
    both = replace(other, environment={**other.environment, "MADDY_LOCAL_DOMAINS": "[127.0.0.1]"})
    assert both.json("restore", file)["rows"]["account"] == 1


@pytest.mark.parametrize(
    "octets", [b"", b"nonsense", b"chatmail-backup 1 {}\n"], ids=["empty", "nonsense", "no header"]
)
def test_what_is_no_backup_is_refused(new: Shell, tmp_path: Path, octets: bytes) -> None:
    (tmp_path / "file").write_bytes(octets)
    assert "backup" in new.refused("restore", str(tmp_path / "file"))


def test_a_file_that_is_not_there_is_named(new: Shell, tmp_path: Path) -> None:
    assert new.refused("restore", str(tmp_path / "none")) == f"{tmp_path}/none: No such file or directory"


def test_a_terminal_gets_no_backup(owner: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    assert "nothing for a terminal" in owner.refused("backup", "-")


def test_an_older_suite_is_to_be_started_again(shell: Shell, tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    status = {"database_url": "postgresql://operator@/x", "redis_url": "", "settings": {"domain": "[127.0.0.1]"}}
    (tmp_path / "run" / "suite.json").write_text(json.dumps(status))
    assert "older version" in shell.refused("backup", str(tmp_path / "file"), "--data", str(tmp_path))


def test_the_database_may_be_named_in_a_secret(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("MADDY_DATABASE_URL", raising=False)
    monkeypatch.setattr(reading, "DOCKER_SECRETS", tmp_path)
    assert target.given_url() == ""
    (tmp_path / "maddy_database_url").write_text("postgresql://secret/\n")
    assert target.given_url() == "postgresql://secret/"
    monkeypatch.setenv("MADDY_DATABASE_URL", "postgresql://shown/")
    assert target.given_url() == "postgresql://shown/"
