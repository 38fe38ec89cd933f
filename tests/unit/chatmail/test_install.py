"""The installer's two sentences for a Python that will not do, and what it puts into the environment."""

import subprocess
import sys
from pathlib import Path

import pytest

from chatmail import install


def test_an_old_python_looks_for_a_newer_one(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 9, 2))
    monkeypatch.setattr(
        "chatmail.install.shutil.which", lambda name: "/usr/bin/python3.12" if name == "python3.12" else None
    )
    monkeypatch.setattr(install, "succeeds", lambda *_: True)
    assert install.find_python() == "/usr/bin/python3.12"
    monkeypatch.setattr(install, "succeeds", lambda *_: False)
    with pytest.raises(SystemExit):
        install.find_python()
    monkeypatch.setattr("chatmail.install.shutil.which", lambda name: None)
    with pytest.raises(SystemExit):
        install.find_python()
    assert "Python 3.11 or newer is needed" in capsys.readouterr().err


def test_a_python_without_venv_names_the_package(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    python = tmp_path / "python"
    python.write_text('#!/bin/sh\ncase "$2" in *ensurepip*) exit 1;; esac\necho 3.12\n')
    python.chmod(0o755)
    with pytest.raises(SystemExit):
        install.make_environment(str(tmp_path / "venv"), str(python), "")
    assert "apt install python3.12-venv" in capsys.readouterr().err


def test_the_project_is_placed_without_being_built(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path], check=True)
    install.place_project(str(tmp_path), str(tmp_path / "bin" / "python"))
    code = "import shared, smtp_in, submission, imap, queue_worker, register, chatmail"
    subprocess.run([tmp_path / "bin" / "python", "-c", code], check=True, cwd=tmp_path)
    assert (tmp_path / "bin" / "chatmail").stat().st_mode & 0o111
