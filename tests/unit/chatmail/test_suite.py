"""What the suite writes down about itself, and what it says when it cannot."""

from pathlib import Path

import pytest

from chatmail import folder as folders
from chatmail import strays
from chatmail.suite import Suite
from shared.settings import Settings


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def suite(tmp_path: Path, said: list[str]) -> Suite:
    folder = folders.at(tmp_path)
    folder.make()
    settings = Settings(domain="here.test", data=tmp_path, redis_url="redis://elsewhere")
    made = Suite(settings, folder, say=said.append, hear=lambda *_: None, ready_file=None)
    made._is_ready = True
    return made


def test_files_that_cannot_be_written_are_told_once(
    suite: Suite, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(strays, "record", full)
        suite._changed()
        suite._changed()
    assert len(said) == 1
    assert "No space left on device" in said[0]
    suite._changed()
    assert suite.folder.status.exists()
    with monkeypatch.context() as patch:
        patch.setattr(strays, "record", full)
        suite._changed()
    assert len(said) == 2


def test_postgres_has_room_for_the_workers_chosen(tmp_path: Path) -> None:
    folder = folders.at(tmp_path)
    settings = Settings(domain="here.test", data=tmp_path, workers=8)
    suite = Suite(settings, folder, say=print, hear=print, ready_file=None)
    assert suite._postgres
    assert suite._postgres.connections >= 8 * (4 * 3 + 2) + 10
