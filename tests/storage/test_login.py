"""Login on real servers: births, races, refusals, and hashes spared."""

import asyncio
from collections.abc import AsyncIterator, Callable
from types import SimpleNamespace
from typing import Any

import psycopg
import pytest

from shared import login as login_room
from shared.address import parse
from shared.login import BadCredentials, Login, TooOften
from shared.policy.accounts import Rules
from shared.queue.logins import Logins
from shared.storage import passwords
from shared.storage.accounts import Account, Accounts
from shared.storage.database import Database, connect
from shared.storage.operator import Operator
from shared.storage.suite import read_login_key

RULES = Rules(8, 32, 8, frozenset({"example.org", "[127.0.0.1]"}))
PASSWORD = "correct horse battery"


@pytest.fixture
async def build(database_urls: dict[str, str], redis_urls: dict[str, str]) -> AsyncIterator[Callable[..., Any]]:
    opened: list[Any] = []

    async def build(role: str, registration: str = "open") -> Login:
        database = await connect(database_urls[role], role)
        logins = Logins(redis_urls[role])
        opened.extend([database, logins])
        return Login(Accounts(database, registration), logins, await read_login_key(database), RULES)

    yield build
    for thing in opened:
        await thing.close()


@pytest.fixture(autouse=True)
def no_time_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Failures are forgiven with time, of which a slow machine has more."""
    monkeypatch.setattr(login_room, "time", SimpleNamespace(monotonic=lambda: 1000.0))


@pytest.fixture
def hashes(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every argon2 check that was made."""
    made: list[str] = []
    real = passwords.is_right_now
    monkeypatch.setattr(passwords, "is_right_now", lambda *args: made.append("hash") or real(*args))
    return made


async def test_first_login_gives_birth_and_the_second_needs_no_hash(
    build: Callable[..., Any], hashes: list[str]
) -> None:
    first = await build("imap")
    born = await first.authenticate("newcomer1@example.org", PASSWORD, "src")
    again = await first.authenticate("NewComer1@Example.org", PASSWORD, "src")
    assert (born, hashes) == (again, [])
    replica = await build("submission")
    assert (await replica.authenticate("newcomer1@example.org", PASSWORD, "src")).account_id == born.account_id
    assert hashes == []  # the other service had told Redis


@pytest.mark.parametrize("name", ["visitor01@[127.0.0.1]", "visitor01@127.0.0.1"])
async def test_ip_literal_domains_in_both_spellings(build: Callable[..., Any], name: str) -> None:
    logged_in = await (await build("imap")).authenticate(name, PASSWORD, "src")
    assert str(logged_in.address) == "visitor01@[127.0.0.1]"


async def test_two_services_race_and_both_succeed(build: Callable[..., Any]) -> None:
    services = [await build("imap"), await build("submission")]
    for number in range(5):
        name = f"racer-{number:04}@example.org"
        one, two = await asyncio.gather(*(service.authenticate(name, PASSWORD, "src") for service in services))
        assert one == two


async def test_two_passwords_race_and_one_wins(build: Callable[..., Any]) -> None:
    services = [await build("imap"), await build("submission")]
    outcomes = await asyncio.gather(
        *(s.authenticate("contested@example.org", f"password{n}", "src") for n, s in enumerate(services)),
        return_exceptions=True,
    )
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["BadCredentials", "LoggedIn"]


@pytest.mark.parametrize(
    ("name", "password"),
    [
        pytest.param("known-one@example.org", "wrong password", id="wrong password"),
        pytest.param("short@example.org", PASSWORD, id="name too short"),
        pytest.param("postmaster@example.org", PASSWORD, id="reserved"),
        pytest.param("somebody1@example.com", PASSWORD, id="foreign domain"),
        pytest.param("somebody2@example.org", "short", id="weak password"),
        pytest.param("somebody3@example.org", "x" * 129, id="long password"),
        pytest.param("some body@example.org", PASSWORD, id="no address"),
        pytest.param("somebody4@example.org", "null\0password", id="NUL"),
        pytest.param("somebody5@example.org", "\udcff" * 9, id="lone surrogates"),
        pytest.param("", "", id="nothing"),
        pytest.param("' OR 1=1 --@example.org", PASSWORD, id="SQL"),
    ],
)
async def test_refusals_are_alike(
    build: Callable[..., Any], hashes: list[str], name: str, password: str, owner: psycopg.Connection[Any]
) -> None:
    service = await build("imap")
    await service.authenticate("known-one@example.org", PASSWORD, "other source")
    before = owner.execute(b"SELECT count(*) FROM chatmail.account").fetchone()
    with pytest.raises(BadCredentials):
        await service.authenticate(name, password, "src")
    assert owner.execute(b"SELECT count(*) FROM chatmail.account").fetchone() == before
    is_address = "@" in name and " " not in name
    assert len(hashes) == int(is_address)  # an unknown name costs what a wrong password costs


@pytest.mark.parametrize("registration", ["closed", "token"])
async def test_no_births_where_registration_is_not_open(build: Callable[..., Any], registration: str) -> None:
    with pytest.raises(BadCredentials):
        await (await build("imap", registration)).authenticate("latecomer@example.org", PASSWORD, "src")


async def test_the_operators_word_overrules_the_setting(
    build: Callable[..., Any], database_urls: dict[str, str]
) -> None:
    service = await build("submission")
    with Operator(database_urls["operator"]) as operator:
        operator.set_registration("closed")
        with pytest.raises(BadCredentials):
            await service.authenticate("overruled@example.org", PASSWORD, "src")
        operator.set_registration("open")
    await service.authenticate("overruled@example.org", PASSWORD, "src")


async def test_banned_and_deleted_stay_out_until_let_in(
    build: Callable[..., Any], database_urls: dict[str, str]
) -> None:
    service = await build("imap")
    address = parse("trouble-1@example.org")
    first = await service.authenticate(str(address), PASSWORD, "src")
    with Operator(database_urls["operator"]) as operator:
        operator.ban(address)
        with pytest.raises(BadCredentials):
            await service.authenticate(str(address), PASSWORD, "src")
        assert operator.unban(address)
        assert await service.authenticate(str(address), PASSWORD, "src") == first
        assert operator.delete_account(address)
        with pytest.raises(BadCredentials):
            await service.authenticate(str(address), PASSWORD, "src")
        assert operator.unban(address)
    assert (await service.authenticate(str(address), PASSWORD, "src")).account_id != first.account_id


async def test_a_changed_password_holds_at_once(build: Callable[..., Any], database_urls: dict[str, str]) -> None:
    service = await build("imap")
    await service.authenticate("changing1@example.org", PASSWORD, "src")
    with Operator(database_urls["operator"]) as operator:
        operator.set_password(parse("changing1@example.org"), passwords.hash_now("another password"))
    with pytest.raises(BadCredentials):
        await service.authenticate("changing1@example.org", PASSWORD, "src")
    await service.authenticate("changing1@example.org", "another password", "src")


async def test_guessing_is_slowed_per_source_and_the_owner_gets_in(build: Callable[..., Any]) -> None:
    service = await build("imap")
    await service.authenticate("guessed-1@example.org", PASSWORD, "home")
    for _ in range(5):
        with pytest.raises(BadCredentials):
            await service.authenticate("guessed-1@example.org", "wrong password", "attacker")
    with pytest.raises(TooOften):
        await service.authenticate("guessed-1@example.org", PASSWORD, "attacker")
    await service.authenticate("guessed-1@example.org", PASSWORD, "home")


async def test_whom_we_know_gets_in_past_others_failures_at_the_same_source(build: Callable[..., Any]) -> None:
    service = await build("imap")
    await service.authenticate("known-well@example.org", PASSWORD, "shared")
    for number in range(20):
        with pytest.raises(BadCredentials):
            await service.authenticate(f"dead-device{number}@example.com", PASSWORD, "shared")
    with pytest.raises(TooOften):
        await service.authenticate("somebody-else@example.org", PASSWORD, "shared")
    await service.authenticate("known-well@example.org", PASSWORD, "shared")


async def test_after_a_restart_many_at_once_get_in_from_one_source(
    build: Callable[..., Any], hashes: list[str]
) -> None:
    """Phones behind one address come back together: what any process verified is no guess."""
    names = [f"behindnat{number:02}@example.org" for number in range(30)]
    before = await build("imap")
    for number, name in enumerate(names):
        await before.authenticate(name, PASSWORD, f"home{number}")
    after = await build("imap")
    found = await asyncio.gather(*(after.authenticate(name, PASSWORD, "nat") for name in names))
    assert (len(found), hashes) == (30, [])


async def test_guesses_at_once_are_counted_before_they_are_hashed(build: Callable[..., Any], hashes: list[str]) -> None:
    service = await build("imap")
    await service.authenticate("guessed-2@example.org", PASSWORD, "home")
    guesses = [service.authenticate("guessed-2@example.org", f"wrong password {n}", "attacker") for n in range(40)]
    outcomes = await asyncio.gather(*guesses, return_exceptions=True)
    assert sorted({type(outcome).__name__ for outcome in outcomes}) == ["BadCredentials", "TooOften"]
    assert len(hashes) == 5


async def test_long_names_are_not_kept(build: Callable[..., Any]) -> None:
    service = await build("imap")
    with pytest.raises(BadCredentials):
        await service.authenticate("x" * 8000, PASSWORD, "src")
    assert max(map(len, service._attempts._due)) == 16


async def test_births_are_limited_per_source(build: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(login_room, "BIRTHS_A_SOURCE", login_room.Rate(per_minute=1, burst=2))
    service = await build("imap")
    for number in range(2):
        await service.authenticate(f"flooding{number}@example.org", PASSWORD, "flood")
    with pytest.raises(TooOften):
        await service.authenticate("flooding9@example.org", PASSWORD, "flood")
    await service.authenticate("flooding0@example.org", PASSWORD, "flood")


async def test_tokens_make_one_account_a_use(database_urls: dict[str, str]) -> None:
    database: Database = await connect(database_urls["register"], "register")
    accounts = Accounts(database, "token")
    with Operator(database_urls["operator"]) as operator:
        operator.create_token("friends", 2, None, "")
        operator.create_token("stale", 2, -1, "")
    try:
        outcomes = [
            await accounts.create_with_token(token, parse(name), "hash")
            for token, name in [
                ("friends", "invited-1@example.org"),
                ("friends", "invited-1@example.org"),
                ("friends", "invited-2@example.org"),
                ("friends", "invited-3@example.org"),
                ("stale", "invited-4@example.org"),
                ("none", "invited-5@example.org"),
            ]
        ]
    finally:
        await database.close()
    assert outcomes == ["created", "taken", "created", "bad token", "bad token", "bad token"]


async def test_found_accounts_carry_their_inbox(submission: Database, make_account: Callable[..., Any]) -> None:
    account = await make_account()
    assert isinstance(account, Account)
    assert account.was_seen_today
