"""A shell to call the operator's command from, as people and programs do."""

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from chatmail import __main__ as command

DOMAIN = "[127.0.0.1]"


@dataclass
class Shell:
    """Calls the command as the launcher does, in this process: a new one each would take the test's time tenfold."""

    environment: Mapping[str, str]
    monkeypatch: pytest.MonkeyPatch
    capsys: pytest.CaptureFixture[str]

    def run(self, *words: str, given: str = "") -> tuple[object, str, str]:
        with self.monkeypatch.context() as patch:
            patch.setattr("sys.argv", ["chatmail", *words])
            patch.setattr("sys.stdin", io.StringIO(given))
            for name, value in self.environment.items():
                patch.setenv(name, value)
            with pytest.raises(SystemExit) as end:
                command.main()
        return end.value.code, *self.capsys.readouterr()

    def json(self, *words: str, given: str = "") -> Any:
        status, out, err = self.run(*words, "--json", given=given)
        assert status == 0, err
        return json.loads(out)

    def refused(self, *words: str, given: str = "") -> str:
        status, out, err = self.run(*words, given=given)
        assert (status, out) == (1, "")
        return err.removeprefix("chatmail: ").strip()


@pytest.fixture
def shell(database_urls: dict[str, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Shell:
    settings = {"MADDY_DATABASE_URL": database_urls["operator"], "MADDY_DOMAIN": DOMAIN}
    return Shell(settings, monkeypatch, capsys)
