"""The passwords of the containers: made once, kept, and for each container its own alone."""

import hashlib
from pathlib import Path

import pytest

from chatmail import passwords
from chatmail.services import OPERATOR, SERVICES, redis_users

ROOMS = {service.name: service.role for service in SERVICES} | {OPERATOR: OPERATOR}
URLS = {"maddy_database_url", "maddy_redis_url"}


def below(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    passwords.write(tmp_path)
    return tmp_path


def test_a_second_start_keeps_them(folder: Path) -> None:
    before = below(folder)
    stamps = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    passwords.write(folder)
    assert below(folder) == before
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == stamps


def test_what_a_new_version_allows_is_written_anew(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = (folder / "imap/maddy_redis_url").read_text()
    monkeypatch.setattr(passwords, "redis_users", lambda: {**redis_users(), "imap": ("~new:*",)})
    passwords.write(folder)
    assert "~new:*" in (folder / "redis/users.acl").read_text()
    assert (folder / "imap/maddy_redis_url").read_text() == kept


def test_they_are_all_different_and_long(folder: Path) -> None:
    made = [path.read_text().strip() for path in (folder / "passwords").iterdir()]
    assert len(made) == len(set(made)) == 2 * len(ROOMS) + 1
    assert all(len(password) >= 32 for password in made)


@pytest.mark.parametrize("room", ROOMS)
def test_a_folder_holds_its_own_services_ways_alone(folder: Path, room: str) -> None:
    more = {"maddy_inbound_database_url"} if room == "register" else set()
    assert {path.name for path in (folder / room).iterdir()} == URLS | more
    text = "".join(path.read_text() for path in (folder / room).iterdir())
    role = ROOMS[room]
    allowed = {role, f"redis-{role}"} | ({"smtp_in"} if room == "register" else set())
    known = {path.name for path in (folder / "passwords").iterdir() if path.read_text().strip() in text}
    assert known == allowed
    assert (folder / room / "maddy_database_url").read_text().startswith(f"postgresql://{role}:")


def test_migrate_knows_the_roles_and_the_owner(folder: Path) -> None:
    assert {path.name for path in (folder / "migrate/roles").iterdir()} == set(ROOMS.values())
    assert (folder / "migrate/maddy_database_url").read_text().startswith("postgresql://postgres:")


def test_redis_gets_hashes_alone(folder: Path) -> None:
    rules = (folder / "redis/users.acl").read_text()
    for user in redis_users():
        password = (folder / f"passwords/redis-{user}").read_text().strip()
        assert password not in rules
        assert hashlib.sha256(password.encode()).hexdigest() in rules


def test_only_the_servers_files_are_for_other_users(folder: Path) -> None:
    servers = {folder / "postgres/password", folder / "redis/users.acl"}
    for path in folder.rglob("*"):
        is_servers = path in servers or path in {server.parent for server in servers}
        others = path.stat().st_mode & 0o077
        assert others == ((0o055 if path.is_dir() else 0o044) if is_servers else 0), path
    assert all(path.stat().st_mode & 0o222 == 0 for path in folder.rglob("*") if path.is_file())


def test_a_start_that_was_cut_short_is_made_up_for(tmp_path: Path) -> None:
    (tmp_path / "passwords").mkdir()
    (tmp_path / "passwords/imap.new").write_text("half a pass")
    passwords.write(tmp_path)
    assert len((tmp_path / "passwords/imap").read_text().strip()) >= 32
    assert not list(tmp_path.rglob("*.new"))
