"""`chatmail federation` and `chatmail alias`: what the operator says holds, and what makes no sense is refused."""

import psycopg
import pytest

from tests.unit.chatmail.commands.conftest import DOMAIN, Shell

OTHER = "example.org"


@pytest.fixture(autouse=True)
def nothing_said(shell: Shell, database_urls: dict[str, str]) -> None:
    """Two domains are served, and there are no rules and no aliases."""
    shell.environment = {**shell.environment, "MADDY_LOCAL_DOMAINS": OTHER}
    with psycopg.connect(database_urls["postgres"], autocommit=True) as owner:
        owner.execute(b"DELETE FROM chatmail.alias")
        owner.execute(b"DELETE FROM chatmail.federation")


def test_domains_are_refused_allowed_and_forgotten(shell: Shell) -> None:
    assert shell.run("federation", "list")[1] == "Mail passes to and from every domain.\n"
    assert shell.json("federation", "refuse", "*") == {"domain": "*", "may_pass": False}
    assert shell.run("federation", "allow", "Friend.Example")[1] == "friend.example is allowed.\n"
    shell.json("federation", "refuse", "192.0.2.7")
    assert [(line["domain"], line["may_pass"]) for line in shell.json("federation", "list")] == [
        ("*", False),
        ("[192.0.2.7]", False),
        ("friend.example", True),
    ]
    assert shell.run("federation", "forget", "*")[1] == "What was said about * is forgotten.\n"
    assert "nothing was said" in shell.refused("federation", "forget", "*")


def test_a_route_stays_when_mail_is_refused(shell: Shell) -> None:
    shell.json("federation", "route", "d.example", "--host", "MX.d.example", "--port", "2525", "--tls", "any")
    shell.json("federation", "refuse", "d.example")
    shell.json("federation", "route", "e.example", "--host", "[2001:db8::1]")
    routes = {"d.example": ("mx.d.example", 2525, "any", False), "e.example": ("2001:db8::1", None, "verified", True)}
    assert {
        line["domain"]: (line["route_host"], line["route_port"], line["route_tls"], line["may_pass"])
        for line in shell.json("federation", "list")
    } == routes


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("refuse", OTHER), "served here"),
        (("allow", "127.0.0.1"), "served here"),
        (("route", OTHER, "--host", "mx.example"), "served here"),
        (("refuse", "no domain"), "is not a domain"),
        (("refuse", "a@d.example"), "is not a domain"),
        (("route", "*", "--host", "mx.example"), "name it"),
        (("route", "d.example", "--host", "no host"), "neither a host"),
        (("route", "d.example", "--host", "mx.example:25"), "neither a host"),
    ],
)
def test_rules_that_make_no_sense(shell: Shell, words: tuple[str, ...], sentence: str) -> None:
    assert sentence in shell.refused("federation", *words)
    assert shell.json("federation", "list") == []


def test_a_route_that_is_no_route_is_a_usage_error(shell: Shell) -> None:
    assert shell.run("federation", "route", "d.example", "--host", "mx.example", "--tls", "none")[0] == 2
    assert shell.run("federation", "route", "d.example", "--host", "mx.example", "--port", "0")[0] == 2


def test_a_bare_name_stands_at_every_domain(shell: Shell) -> None:
    account = shell.json("accounts", "create")["address"]
    added = shell.json("alias", "add", "postmaster", account)
    assert added == {"addresses": [f"postmaster@{DOMAIN}", f"postmaster@{OTHER}"], "target": account}
    assert shell.run("alias", "add", f"abuse@{OTHER}", account.partition("@")[0])[1] == (
        f"abuse@{OTHER} is now {account}.\n"
    )
    assert [line["address"] for line in shell.json("alias", "list")] == [
        f"abuse@{OTHER}",
        f"postmaster@{DOMAIN}",
        f"postmaster@{OTHER}",
    ]
    shell.json("alias", "remove", f"postmaster@{OTHER}")
    shell.json("alias", "remove", "postmaster")
    assert "no alias" in shell.refused("alias", "remove", "postmaster")
    assert [line["target"] for line in shell.json("alias", "list")] == [account]


def test_an_alias_goes_with_its_account(shell: Shell) -> None:
    account = shell.json("accounts", "create")["address"]
    shell.json("alias", "add", "postmaster", account)
    shell.json("accounts", "delete", account)
    assert shell.run("alias", "list")[1] == "There are no aliases.\n"


@pytest.mark.parametrize(
    ("alias", "sentence"),
    [
        ("abuse@elsewhere.example", "is not served here"),
        ("abuse+x", "has a tag"),
        ("no name", "is not an address"),
        ("{other}", "is an account itself"),
    ],
)
def test_addresses_that_can_be_no_alias(shell: Shell, alias: str, sentence: str) -> None:
    account, other = (shell.json("accounts", "create")["address"] for _ in range(2))
    assert sentence in shell.refused("alias", "add", alias.format(other=other), account)
    assert shell.json("alias", "list") == []


def test_an_alias_needs_an_account(shell: Shell) -> None:
    assert "there is no account" in shell.refused("alias", "add", "abuse", "nobody123")
    assert "there is no account" in shell.refused("alias", "add", "abuse", "somebody@elsewhere.example")
