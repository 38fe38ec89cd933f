"""The operator's commands against a real database, as a shell sees them."""

import asyncio
import json
from pathlib import Path

import pytest

from chatmail.commands import tokens
from shared.metrics.page import PAGE
from shared.queue.overview import overview
from shared.queue.presence import announce
from tests.unit.chatmail.commands.conftest import DOMAIN, Shell


def test_an_account_from_birth_to_death(shell: Shell) -> None:
    made = shell.json("accounts", "create", "alice1234")
    assert made["address"] == f"alice1234@{DOMAIN}"
    assert len(made["password"]) == 22
    assert "exists" in shell.refused("accounts", "create", "alice1234")
    assert shell.json("accounts", "show", "alice1234")["messages"] == 0
    assert shell.json("accounts", "password", "alice1234")["password"] != made["password"]
    assert shell.json("accounts", "delete", "alice1234")["deleted"] is True
    assert "no account" in shell.refused("accounts", "show", "alice1234")
    assert [row["reason"] for row in shell.json("accounts", "list", "--barred")] == ["deleted"]
    assert "neither" not in str(shell.json("accounts", "unban", "alice1234"))
    shell.json("accounts", "create", "alice1234")
    shell.json("accounts", "ban", "alice1234")
    assert "is banned" in shell.refused("accounts", "create", "alice1234")


def test_names_are_made_up_and_official_ones_are_the_operators(shell: Shell) -> None:
    assert len(shell.json("accounts", "create")["address"]) == len(f"xxxxxxxxx@{DOMAIN}")
    assert shell.json("accounts", "create", "postmaster")["address"] == f"postmaster@{DOMAIN}"


def test_a_given_password_is_used_and_not_shown(shell: Shell) -> None:
    assert shell.json("accounts", "create", "carol1234", "--password-stdin", given="a good password\n") == {
        "address": f"carol1234@{DOMAIN}"
    }
    assert "password is too short" in shell.refused(
        "accounts", "password", "carol1234", "--password-stdin", given="a\n"
    )


def test_banning_and_unbanning(shell: Shell) -> None:
    shell.json("accounts", "ban", "mallory99")
    assert f"mallory99@{DOMAIN}" in {row["address"] for row in shell.json("accounts", "list", "--barred")}
    shell.json("accounts", "unban", "mallory99")
    assert "neither banned nor deleted" in shell.refused("accounts", "unban", "mallory99")


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("accounts", "create", "no such name"), "is not an address"),
        (("accounts", "create", "someone12@example.org"), "not served here"),
        (("accounts", "create", "short"), "too short"),
        (("accounts", "show", "nobody123"), "there is no account"),
        (("accounts", "delete", "nobody123"), "there is no account"),
        (("accounts", "password", "nobody123"), "there is no account"),
        (("tokens", "delete", "none"), "there is no such token"),
    ],
)
def test_what_cannot_be_done_is_said(shell: Shell, words: tuple[str, ...], sentence: str) -> None:
    assert sentence in shell.refused(*words)


def test_a_refusal_is_json_for_programs(shell: Shell) -> None:
    status, out, _ = shell.run("accounts", "show", "nobody123", "--json")
    assert status == 1
    assert "no account" in json.loads(out)["error"]


def test_no_token_looks_like_a_flag() -> None:
    assert not any(tokens.made().startswith("-") for _ in range(2000))


def test_registration_and_tokens(shell: Shell) -> None:
    assert shell.json("registration", "status") == {"registration": "open"}
    for mode in ("token", "closed", "open"):
        shell.json("registration", mode)
        assert shell.json("registration", "status") == {"registration": mode}
    token = shell.json("tokens", "create", "--uses", "3", "--days", "2", "--note", "friends")["token"]
    (row,) = shell.json("tokens", "list")
    assert (row["token"], row["uses"], row["note"]) == (token, 3, "friends")
    shell.json("tokens", "delete", token)
    assert shell.json("tokens", "list") == []


def test_status_counts(shell: Shell) -> None:
    before = shell.json("status")
    shell.json("accounts", "create")
    after = shell.json("status")
    assert after["accounts"] == before["accounts"] + 1
    assert {"domain", "registration", "messages", "bytes"} <= set(after)
    assert (after["outbox"], after["oldest_minutes"], after["poison"]) == (0, 0, 0)


async def test_status_tells_who_is_there(shell: Shell, redis_urls: dict[str, str]) -> None:
    PAGE.spread(1)  # what other tests of this process have counted is gone
    there = asyncio.create_task(announce(redis_urls["imap"], "imap"))
    try:
        while (seen := await asyncio.to_thread(overview, redis_urls["operator"])) is None or not seen.services:
            await asyncio.sleep(0.01)
    finally:
        there.cancel()
        await asyncio.gather(there, return_exceptions=True)
    shell.environment = {**shell.environment, "MADDY_REDIS_URL": redis_urls["operator"]}
    status = shell.json("status")
    assert (status["connections"], status["queue"]) == ({**dict.fromkeys(status["services"]), "imap": 0}, 0)
    assert (status["services"]["imap"]["replicas"], status["services"]["register"]) == (1, None)
    _, shown, _ = shell.run("status")
    assert "register      away" in shown


def test_status_without_redis_says_so(shell: Shell) -> None:
    assert shell.json("status")["queue"] is None


def test_no_suite_is_a_sentence(shell: Shell, tmp_path: Path) -> None:
    assert "no suite runs" in shell.refused("status", "--data", str(tmp_path))


def test_a_database_that_does_not_answer_is_a_sentence(shell: Shell, tmp_path: Path) -> None:
    shell.environment = {**shell.environment, "MADDY_DATABASE_URL": f"postgresql://operator@/chatmail?host={tmp_path}"}
    assert "does not answer" in shell.refused("status")
