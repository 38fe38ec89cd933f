"""What `chatmail up` makes of its settings, and what it says when it cannot start."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from chatmail import up as room

DEFAULTS = [
    ({}, "[127.0.0.1]", ["127.0.0.1"]),
    ({"MADDY_LISTEN": "127.0.0.5"}, "[127.0.0.5]", ["127.0.0.5"]),
    ({"MADDY_DOMAIN": "127.0.0.6"}, "[127.0.0.6]", ["127.0.0.6"]),
    ({"MADDY_LISTEN": "0.0.0.0"}, "[127.0.0.1]", ["0.0.0.0"]),
    ({"MADDY_DOMAIN": "example.org"}, "example.org", ["0.0.0.0", "::"]),
    ({"MADDY_DOMAIN": "192.0.2.1"}, "[192.0.2.1]", ["0.0.0.0", "::"]),
    ({"MADDY_DOMAIN": "example.org", "MADDY_LISTEN": "192.0.2.1,192.0.2.2"}, "example.org", ["192.0.2.1", "192.0.2.2"]),
]


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr("os.environ", {})
    mask = os.umask(0o022)  # `up` takes files for itself alone; the tests after these do not
    yield
    os.umask(mask)


@pytest.mark.parametrize(("flags", "domain", "addresses"), DEFAULTS)
def test_domain_and_addresses_follow_from_one_another(flags: dict[str, str], domain: str, addresses: list[str]) -> None:
    settings = room._settings(flags)
    assert (settings.domain, settings.addresses) == (domain, addresses)


def test_a_flag_wins_over_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    os.environ["MADDY_PORT_IMAP"] = "1430"
    assert room._settings({}).port_imap == 1430
    assert room._settings({"MADDY_PORT_IMAP": "1431"}).port_imap == 1431


@pytest.mark.parametrize("flags", [{"MADDY_LISTEN": "nonsense"}, {"MADDY_DOMAIN": "no domain"}, {"MADDY_QUOTA": "x"}])
def test_a_wrong_setting_ends_in_one_sentence(flags: dict[str, str], tmp_path: Path) -> None:
    os.environ["MADDY_DATA"] = str(tmp_path)
    with pytest.raises(SystemExit) as end:
        raise SystemExit(room.up(flags, None, is_json=False))
    assert end.value.code not in (0, None)
    assert "\n" not in str(end.value.code)


def test_a_taken_port_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        flags = {"MADDY_DATA": str(tmp_path), "MADDY_PORT_HTTP": str(port)}
        assert room.up(flags, None, is_json=False) == 1
    assert f"port {port} is taken" in capsys.readouterr().err
