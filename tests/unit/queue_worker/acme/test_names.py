"""Which names are asked for, as the DNS has it."""

from ipaddress import ip_address

import pytest
from queue_worker.acme.names import find
from queue_worker.acme.trouble import Trouble

from shared.dns.answer import LookupFailed


class Dns:
    """Names to addresses; None cannot be found out."""

    def __init__(self, **names: list[str] | None) -> None:
        self._names = {name.replace("_", "."): addresses for name, addresses in names.items()}
        self.asked: list[str] = []

    async def addresses(self, name: str) -> list[object]:
        self.asked.append(name)
        found = self._names.get(name, [])
        if found is None:
            raise LookupFailed("no answer in time")
        return [ip_address(address) for address in found]


async def test_names_that_lead_here() -> None:
    here, elsewhere = ["192.0.2.1", "2001:db8::1"], ["192.0.2.2"]
    dns = Dns(h_test=here, a_test=here[:1], www_a_test=elsewhere, autoconfig_a_test=None)
    assert await find(dns, "h.test", ["a.test"], None) == ["h.test", "a.test"]


@pytest.mark.parametrize("addresses", [[], None], ids=["none", "unknown"])
async def test_a_host_nobody_finds_gets_none(addresses: list[str] | None) -> None:
    with pytest.raises(Trouble) as raised:
        await find(Dns(h_test=addresses), "h.test", ["a.test"], None)
    assert (raised.value.word, raised.value.names) == ("unresolved", ("h.test",))


async def test_an_address_needs_no_dns() -> None:
    dns = Dns()
    assert await find(dns, "192.0.2.1", ["a.test"], None) == ["192.0.2.1"]
    assert dns.asked == []


async def test_a_name_that_no_authority_may_know() -> None:
    with pytest.raises(Trouble) as raised:
        await find(Dns(), "_h.test", [], None)
    assert raised.value.word == "unfit name"
