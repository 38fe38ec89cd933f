import asyncio

import pytest
from register.births import Births
from register.refusal import Refusal

from shared.storage.errors import Unavailable
from tests.unit.register.fakes import HOST, Clock, FakeAccounts, births, counted_bytes, site


async def refused(accounts: FakeAccounts, token: str) -> Refusal:
    with pytest.raises(Refusal) as caught:
        await births(accounts, site(), Clock()).give(HOST, token)
    return caught.value


async def test_an_open_server_stores_nothing() -> None:
    accounts = FakeAccounts()
    of = births(accounts, site(), Clock())
    given = {str((await of.give(HOST, ""))[0]) for _ in range(100)}
    assert len(given) == 100
    assert accounts.made == {}


async def test_a_token_makes_the_account_and_is_used_up() -> None:
    accounts = FakeAccounts("token", {"secret": 1})
    of = births(accounts, site(), Clock())
    address, password = await of.give(HOST, "secret")
    assert accounts.made == {str(address): f"hash of {password}"}
    with pytest.raises(Refusal, match="used up"):
        await of.give(HOST, "secret")
    assert len(accounts.made) == 1


async def test_a_name_that_is_taken_is_drawn_again() -> None:
    accounts = FakeAccounts("token", {"secret": 1}, taken=2)
    await births(accounts, site(), Clock()).give(HOST, "secret")
    assert len(accounts.made) == 1


async def test_drawing_comes_to_an_end() -> None:
    error = await refused(FakeAccounts("token", {"secret": 1}, taken=1000), "secret")
    assert error.status == 503


@pytest.mark.parametrize("token", ["wrong", "a b", "x\0", "ü", "a" * 129, "a\n"])
async def test_bad_tokens(token: str) -> None:
    error = await refused(FakeAccounts("token", {"secret": 1, "a" * 129: 1, "a\n": 1}), token)
    assert (error.status, error.headers) == (403, {})


async def test_no_token() -> None:
    error = await refused(FakeAccounts("token"), "")
    assert "by invitation" in error.reason


@pytest.mark.parametrize("token", ["", "secret"])
async def test_closed_is_closed_for_token_holders_too(token: str) -> None:
    error = await refused(FakeAccounts("closed", {"secret": 1}), token)
    assert (error.status, error.reason) == (403, "Registration is closed on this server.")


async def test_a_database_that_is_away_is_no_ones_fault() -> None:
    error = await refused(FakeAccounts(is_away=True), "")
    assert (error.status, error.headers) == (503, {"Retry-After": "60"})


async def test_a_database_that_goes_away_on_the_way() -> None:
    accounts = FakeAccounts("token", {"secret": 1})
    of = births(accounts, site(), Clock())
    await of.registration()
    accounts.is_away = True
    with pytest.raises(Refusal) as caught:
        await of.give(HOST, "secret")
    assert caught.value.status == 503


async def test_too_many_hashes_waiting_is_no_error_of_ours() -> None:
    async def crowded(_password: str) -> str:
        raise Unavailable

    of, accounts = site(), FakeAccounts("token", {"secret": 1})
    with pytest.raises(Refusal) as caught:
        await Births(accounts, crowded, counted_bytes(), of.rules, Clock()).give(HOST, "secret")
    assert caught.value.status == 503
    assert accounts.tokens == {"secret": 1}


async def test_the_kind_of_registration_is_remembered_for_two_seconds() -> None:
    accounts, clock = FakeAccounts(), Clock()
    of = births(accounts, site(), clock)
    assert await asyncio.gather(*(of.registration() for _ in range(50))) == ["open"] * 50
    accounts.mode = "closed"
    clock.now += 1.9
    assert await of.registration() == "open"
    clock.now += 0.1
    assert await of.registration() == "closed"
    assert accounts.asked == 2


async def test_a_failure_is_not_remembered() -> None:
    accounts = FakeAccounts(is_away=True)
    of = births(accounts, site(), Clock())
    with pytest.raises(Refusal):
        await of.registration()
    accounts.is_away = False
    assert await of.registration() == "open"
