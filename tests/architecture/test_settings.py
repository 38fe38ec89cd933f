"""`.env.example` names every setting with its default and a reason, and the flags of `chatmail up` are settings."""

import inspect
import re
from pathlib import Path

import pytest

from chatmail.commands.up import up
from shared.settings import Settings

EXAMPLE = Path(__file__).parents[2] / ".env.example"
LINE = re.compile(r"#MADDY_(\w+)=(.*)")
NOT_SETTINGS = {"ready_file", "is_json"}


def written(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if value is None:
        return ""
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)


def examples() -> dict[str, str]:
    return {match[1].lower(): match[2] for match in map(LINE.fullmatch, EXAMPLE.read_text().splitlines()) if match}


def test_every_setting_stands_in_the_example_and_nothing_else() -> None:
    assert set(examples()) == set(Settings.model_fields)


@pytest.mark.parametrize("name", Settings.model_fields)
def test_the_example_shows_the_default(name: str) -> None:
    assert examples()[name] == written(Settings.model_fields[name].get_default(call_default_factory=True))


def test_every_group_of_settings_has_a_reason() -> None:
    for group in EXAMPLE.read_text().split("\n\n"):
        assert re.match(r"# \w", group), group


def test_the_example_can_be_used_as_it_stands() -> None:
    for line in EXAMPLE.read_text().splitlines():
        assert re.fullmatch(r"(#.*)?", line), f"not a comment: {line}"


def test_flags_of_up_are_settings() -> None:
    assert set(inspect.signature(up).parameters) - NOT_SETTINGS <= set(Settings.model_fields)
