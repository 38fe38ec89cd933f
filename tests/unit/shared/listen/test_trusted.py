"""Who is a proxy of ours."""

import asyncio
import socket
from ipaddress import ip_address

import pytest

from shared import log
from shared.listen import trusted as trusting
from shared.listen.trusted import Trusted, find


@pytest.mark.parametrize(
    ("names", "address", "is_trusted"),
    [
        ([], "127.0.0.1", False),
        (["192.0.2.7"], "192.0.2.7", True),
        (["192.0.2.7"], "192.0.2.8", False),
        (["192.0.2.7"], "::ffff:192.0.2.7", True),
        (["198.51.100.1", "10.1.0.0/16"], "10.1.2.3", True),
        (["10.1.0.1/16"], "10.1.2.3", True),
        (["10.1.0.0/16"], "10.2.0.1", False),
        (["2001:db8::/32"], "2001:db8::1", True),
        (["2001:db8::/32"], "192.0.2.7", False),
        (["fe80::/10"], "fe80::1%eth0", True),
    ],
)
def test_addresses_and_networks(names: list[str], address: str, is_trusted: bool) -> None:
    assert (address in Trusted(names)) is is_trusted
    assert (ip_address(address) in Trusted(names)) is is_trusted


class Names:
    """What the system's resolver says, and whether it says anything."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.known = {"edge": ["192.0.2.7", "2001:db8::7"]}
        self.is_silent = False
        monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", self.getaddrinfo)

    async def getaddrinfo(self, host: str, _port: None, *, type: int) -> list[tuple[object, ...]]:
        if self.is_silent:
            await asyncio.sleep(3600)
        if host not in self.known:
            raise socket.gaierror("unknown")
        return [(0, type, 0, "", (address, 0)) for address in self.known[host]]


@pytest.fixture
async def names(monkeypatch: pytest.MonkeyPatch) -> Names:
    return Names(monkeypatch)


async def test_a_host_is_looked_up_at_first_and_again_and_again(names: Names) -> None:
    trusted = await find(["edge", "elsewhere"])
    assert "192.0.2.7" in trusted
    assert "2001:db8::7" in trusted
    names.known = {"edge": ["192.0.2.8"], "elsewhere": ["192.0.2.9"]}
    watching = asyncio.create_task(trusted.watch(0.01))
    async with asyncio.timeout(10):
        while "192.0.2.9" not in trusted:
            await asyncio.sleep(0.01)
    watching.cancel()
    assert "192.0.2.8" in trusted
    assert "192.0.2.7" not in trusted


async def test_what_was_known_stays_while_nobody_answers(names: Names, monkeypatch: pytest.MonkeyPatch) -> None:
    trusted = await find(["edge"])
    names.known = {}
    await trusted.look()
    assert "192.0.2.7" in trusted
    monkeypatch.setattr(trusting, "ANSWER_SECONDS", 0.01)
    names.is_silent = True
    await trusted.look()
    assert "192.0.2.7" in trusted


async def test_a_newcomer_is_worth_a_look_now_and_then(names: Names, monkeypatch: pytest.MonkeyPatch) -> None:
    trusted = await find(["edge"])
    assert not trusted.may_be_new("172.18.0.9")  # we have just looked
    monkeypatch.setattr(trusting, "HURRY_SECONDS", 0.0)
    assert trusted.may_be_new("172.18.0.9")
    assert not trusted.may_be_new("9.9.9.9")
    assert not (await find(["172.18.0.0/24"])).may_be_new("172.18.1.9")


async def test_what_is_not_found_is_said_once(names: Names, capfd: pytest.CaptureFixture[str]) -> None:
    log.configure("test")
    trusted = await find(["elsewhere"])
    await trusted.look()
    assert capfd.readouterr().err.count("proxy_not_found") == 1


async def test_nothing_is_watched_where_no_host_is_named(names: Names) -> None:
    await asyncio.wait_for((await find(["192.0.2.7"])).watch(), 10)
