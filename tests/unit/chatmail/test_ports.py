"""Ports: the standard ones, or all of them plus 10000; a taken one is named with its holder."""

import errno
import os
import socket
from collections.abc import Iterable, Iterator

import pytest

from chatmail import ports
from chatmail.services import PORTS, SERVICES
from chatmail.trouble import Trouble
from shared.settings import Settings

HERE = "127.0.0.1"


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.create_server((HERE, 0)) as server:
        yield int(server.getsockname()[1])


def settings(**chosen: int) -> Settings:
    return Settings.model_validate({"domain": HERE, "listen": HERE, **chosen})


def may_not_bind_low(_: Iterable[str], port: int) -> int:
    return errno.EACCES if port < 1024 else 0


def test_the_standard_ports_where_they_may_be_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ports, "_trouble", lambda *_: 0)
    assert list(ports.choose(settings()).values()) == [25, 587, 465, 143, 993, 80, 443]


def test_all_move_together_where_they_may_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ports, "_trouble", may_not_bind_low)
    assert list(ports.choose(settings()).values()) == [10025, 10587, 10465, 10143, 10993, 10080, 10443]


def test_a_chosen_port_is_not_moved(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ports, "_trouble", may_not_bind_low)
    assert ports.choose(settings(port_http=8080))["port_http"] == 8080
    with pytest.raises(Trouble, match=r"port 26 needs more rights.*--port-smtp"):
        ports.choose(settings(port_smtp=26))


def test_zero_takes_free_ones() -> None:
    chosen = ports.choose(settings(**dict.fromkeys(PORTS, 0)))
    assert len(set(chosen.values())) == len(PORTS)
    assert all(port in ports._FREE_RANGE for port in chosen.values())


def test_a_taken_port_is_named_with_its_holder(taken: int) -> None:
    free = dict.fromkeys(PORTS, 0)
    with pytest.raises(Trouble, match=rf"port {taken} is taken by \S+ \(process {os.getpid()}\).*--port-imap"):
        ports.choose(settings(**(free | {"port_imap": taken})))


def test_a_foreign_address_is_named() -> None:
    chosen = Settings.model_validate({"domain": HERE, "listen": "192.0.2.1", **dict.fromkeys(PORTS, 20001)})
    with pytest.raises(Trouble, match=r"no address 192\.0\.2\.1.*--listen"):
        ports.choose(chosen)


def test_services_tell_their_numbers_at_ports_in_a_row_on_loopback() -> None:
    chosen = Settings(domain="here.test", listen=["192.0.2.7", "127.0.0.9", "::1"], metrics_port=9100)
    assert ports.metrics(chosen) == {service.name: 9100 + at for at, service in enumerate(SERVICES)}
    assert ports.inner(chosen) == ["127.0.0.9"]


@pytest.mark.parametrize(
    ("chosen", "inner"),
    [({}, ["127.0.0.1"]), ({"listen": "192.0.2.7"}, ["127.0.0.1"]), ({"metrics_listen": "10.0.0.1"}, ["10.0.0.1"])],
    ids=["everywhere", "outside", "chosen"],
)
def test_where_else_they_tell_them(chosen: dict[str, str], inner: list[str]) -> None:
    read = Settings.model_validate({"domain": "here.test", **chosen})
    assert (ports.metrics(read), ports.inner(read)) == ({}, inner)


def test_a_taken_port_for_numbers_is_said_in_time(taken: int) -> None:
    doors = dict.fromkeys(PORTS, 0)
    with pytest.raises(Trouble, match=f"port {taken} is taken.*MADDY_METRICS_PORT"):
        ports.choose(settings(**doors, metrics_port=taken))
