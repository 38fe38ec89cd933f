"""What the operator says about other servers and aliases, and what the role `operator` may not know."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from psycopg import errors

from shared.address import parse
from shared.storage.operator import Operator
from shared.storage.operator_rules import FederationLine

ANN, BEN = parse("ann@example.org"), parse("ben@example.org")
POSTMASTERS = [parse("postmaster@example.org"), parse("postmaster@example.net")]


@pytest.fixture
def operator(database_urls: dict[str, str], owner: psycopg.Connection[tuple[Any, ...]]) -> Iterator[Operator]:
    for table in ("alias", "federation", "dkim_key"):
        owner.execute(f"DELETE FROM chatmail.{table}".encode())
    with Operator(database_urls["operator"]) as operator:
        operator.create_account(ANN, "hash")
        operator.create_account(BEN, "hash")
        yield operator


def aliases(operator: Operator) -> list[tuple[str, str]]:
    return [(line.address, line.target) for line in operator.rules.list_aliases()]


def test_aliases_stand_for_an_account(operator: Operator) -> None:
    assert operator.rules.add_aliases(POSTMASTERS, ANN) == "added"
    assert operator.rules.add_aliases(POSTMASTERS[:1], BEN) == "added", "replaced"
    assert aliases(operator) == [
        ("postmaster@example.net", str(ANN)),
        ("postmaster@example.org", str(BEN)),
    ]
    assert operator.delete_account(ANN)
    assert aliases(operator) == [("postmaster@example.org", str(BEN))], "an alias goes with its account"
    assert operator.rules.remove_aliases(POSTMASTERS)
    assert not operator.rules.remove_aliases(POSTMASTERS)


def test_of_addresses_all_or_none_become_aliases(operator: Operator) -> None:
    assert operator.rules.add_aliases(POSTMASTERS, parse("nobody@example.org")) == "no account"
    assert operator.rules.add_aliases([POSTMASTERS[0], BEN], ANN) == "taken"
    assert aliases(operator) == []


def test_a_domain_may_be_refused_and_routed(operator: Operator) -> None:
    operator.rules.set_federation("b.example", may_pass=False)
    operator.rules.set_federation("*", may_pass=False)
    operator.rules.set_route("b.example", "mx.example", 2525, "verified")
    operator.rules.set_route("a.example", "192.0.2.1", None, "any")
    assert operator.rules.list_federation() == [
        FederationLine("*", False, None, None, None),
        FederationLine("a.example", True, "192.0.2.1", None, "any"),
        FederationLine("b.example", False, "mx.example", 2525, "verified"),
    ]
    operator.rules.set_federation("b.example", may_pass=True)
    assert operator.rules.list_federation()[2] == FederationLine("b.example", True, "mx.example", 2525, "verified")
    assert operator.rules.forget_federation("*")
    assert not operator.rules.forget_federation("*")


def test_records_of_keys_are_shown(operator: Operator, owner: psycopg.Connection[tuple[Any, ...]]) -> None:
    owner.execute(
        b"INSERT INTO chatmail.dkim_key VALUES ('example.org', 'default', 'secret', 'v=DKIM1; p=x'), "
        b"('example.net', 'default', 'secret', 'v=DKIM1; p=y')"
    )
    assert [(line.domain, line.selector, line.record) for line in operator.dkim_records()] == [
        ("example.net", "default", "v=DKIM1; p=y"),
        ("example.org", "default", "v=DKIM1; p=x"),
    ]


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT private_key FROM chatmail.dkim_key",
        "SELECT data FROM chatmail.body",
        "SELECT body_id FROM chatmail.outbox_message",
        "SELECT signature FROM chatmail.outbox_message",
        "SELECT token FROM chatmail.push_token",
        "SELECT chatmail.drop_outbox('{1}')",
        "SELECT chatmail.put_report(1, 'x', 1)",
        "SELECT chatmail.claimed_body(1, 1)",
        "SELECT chatmail.release_bodies('{1}', '{}')",
        "UPDATE chatmail.outbox SET recipient = 'eve@example.org'",
        "DELETE FROM chatmail.outbox",
        "INSERT INTO chatmail.alias VALUES ('a@example.org', 'b@example.org')",
        "DELETE FROM chatmail.federation",
        "UPDATE chatmail.destination SET failures = 0",
    ],
)
def test_the_operator_may_not(database_urls: dict[str, str], statement: str) -> None:
    with (
        psycopg.connect(database_urls["operator"], autocommit=True) as connection,
        pytest.raises(errors.InsufficientPrivilege),
    ):
        connection.execute(statement.encode())


@pytest.mark.parametrize("role", ["smtp_in", "submission", "imap", "queue_worker", "register"])
@pytest.mark.parametrize(
    "statement",
    [
        "SELECT chatmail.operator_drop('{1}', '{1}', '{x}', '{1}')",
        "SELECT chatmail.operator_droppable(NULL, NULL, 1)",
        "SELECT chatmail.operator_retry(NULL, NULL)",
        "SELECT chatmail.operator_add_aliases('{a@example.org}', 'b@example.org')",
        "SELECT chatmail.operator_set_route('a.example', 'b.example', 25, 'any')",
    ],
)
def test_nobody_else_may(database_urls: dict[str, str], role: str, statement: str) -> None:
    with (
        psycopg.connect(database_urls[role], autocommit=True) as connection,
        pytest.raises(errors.InsufficientPrivilege),
    ):
        connection.execute(statement.encode())


def test_how_tls_went_is_summed_over_the_days(database_urls: dict[str, str]) -> None:
    with psycopg.connect(database_urls["postgres"], autocommit=True) as connection:
        connection.execute(
            "INSERT INTO chatmail.tls_result VALUES (current_date, 'a.test', 'sts', 'success', 2),"
            " (current_date - 1, 'a.test', 'sts', 'success', 3), (current_date, 'a.test', 'tlsa', 'tlsa-invalid', 1)"
        )
    with Operator(database_urls["operator"]) as operator:
        told = operator.rules.list_tls()
    assert [(line.policy_type, line.result, line.sessions) for line in told] == [
        ("sts", "success", 5),
        ("tlsa", "tlsa-invalid", 1),
    ]
