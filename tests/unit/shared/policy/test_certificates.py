"""What is asked of an authority, and when."""

from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

import pytest

from shared.policy.certificates import (
    DELAYS,
    JITTER,
    LONGEST,
    MAX_NAMES,
    OWN_DELAYS,
    RATE_LIMITED,
    Held,
    candidates,
    chosen,
    hosts_name,
    is_due,
    is_fit,
    retry_after,
)

NOW = datetime(2026, 11, 22, tzinfo=UTC)
CA = "https://ca.test/dir"
HERE = frozenset({ip_address("192.0.2.1"), ip_address("2001:db8::1")})
HERE_TOO = frozenset({ip_address("2001:db8::1")})
ELSEWHERE = frozenset({ip_address("192.0.2.9")})
NOWHERE = frozenset[object]()


def held(*names: str, days: float = 90, left: float = 60, directory: str = CA) -> Held:
    end = NOW + timedelta(days=left)
    return Held(frozenset(names), end - timedelta(days=days), end, directory)


@pytest.mark.parametrize(
    ("hostname", "name"),
    [
        ("Mail.Example.", "mail.example"),
        ("192.0.2.1", "192.0.2.1"),
        ("[192.0.2.1]", "192.0.2.1"),
        ("[IPv6:2001:DB8::1]", "2001:db8::1"),
        ("2001:0DB8:0::1", "2001:db8::1"),
    ],
)
def test_the_hosts_name(hostname: str, name: str) -> None:
    assert hosts_name(hostname) == name


@pytest.mark.parametrize(
    ("name", "fits"),
    [
        ("mail.example.org", True),
        ("xn--bcher-kva.example", True),
        ("192.0.2.1", True),
        ("_mail.example.org", False),
        ("localhost", False),
        ("a..b", False),
        ("-a.example", False),
        ("a" * 64 + ".example", False),
        (".".join(["a" * 60] * 5), False),
        ("", False),
        ("a.example\n", False),
    ],
)
def test_what_an_authority_may_know(name: str, fits: bool) -> None:
    assert is_fit(name) is fits


def test_candidates_the_most_important_first() -> None:
    assert candidates("mail.a.test", ["a.test", "mail.a.test", "[192.0.2.1]", "_b.test"]) == [
        "a.test",
        "mta-sts.a.test",
        "mta-sts.mail.a.test",
        "autoconfig.a.test",
        "autoconfig.mail.a.test",
        "www.a.test",
        "www.mail.a.test",
    ]
    assert candidates("192.0.2.1", ["a.test"]) == []


@pytest.mark.parametrize(
    ("addresses", "kept", "is_in"),
    [
        (HERE, False, True),
        (HERE_TOO, False, True),
        (ELSEWHERE, False, False),
        (ELSEWHERE, True, False),
        (NOWHERE, False, False),
        (None, False, False),
        (None, True, True),
    ],
    ids=["same", "one in common", "elsewhere", "has moved away", "nowhere", "unknown", "unknown but in force"],
)
def test_names_that_lead_here_are_chosen(addresses: object, kept: bool, is_in: bool) -> None:
    found = {"h.test": HERE, "a.test": addresses}
    names = chosen("h.test", found, held("h.test", "a.test") if kept else None)  # type: ignore[arg-type]
    assert names == (["h.test", "a.test"] if is_in else ["h.test"])


def test_no_more_names_than_fit() -> None:
    found = {"h.test": HERE} | {f"{number}.test": HERE for number in range(300)}
    names = chosen("h.test", found, None)
    assert len(names) == MAX_NAMES
    assert names[:2] == ["h.test", "0.test"]


@pytest.mark.parametrize(
    ("certificate", "due"),
    [
        (None, True),
        (held("a.test", "b.test"), False),
        (held("a.test", "b.test", left=31), False),
        (held("a.test", "b.test", left=30), True),
        (held("a.test", "b.test", left=-1), True),
        (held("a.test", "b.test", days=6, left=2.1), False),
        (held("a.test", "b.test", days=6, left=2), True),
        (held("a.test"), True),
        (held("a.test", "b.test", "c.test"), False),
        (held("a.test", "b.test", directory="https://staging.test/dir"), True),
    ],
    ids=["none", "fresh", "31 of 90", "30 of 90", "over", "2.1 of 6", "2 of 6", "fewer", "more", "another authority"],
)
def test_when_one_is_due(certificate: Held | None, due: bool) -> None:
    assert is_due(certificate, CA, ["a.test", "b.test"], NOW) is due


@pytest.mark.parametrize(
    ("problem", "failures", "asked_for", "seconds"),
    [
        ("connection", 1, 0, DELAYS[0]),
        ("connection", 2, 0, DELAYS[1]),
        ("connection", 99, 0, DELAYS[-1]),
        ("connection", 1, 7200, 7200),
        ("connection", 5, 60, DELAYS[-1]),
        ("connection", 1, 1e12, LONGEST),
        ("rateLimited", 1, 0, RATE_LIMITED),
        ("rejectedIdentifier", 1, 0, DELAYS[-1]),
        ("unresolved", 1, 0, OWN_DELAYS[0]),
        ("unresolved", 99, 0, OWN_DELAYS[-1]),
        ("interrupted", 0, 0, DELAYS[0]),
    ],
)
def test_how_long_to_wait(problem: str, failures: int, asked_for: float, seconds: float) -> None:
    assert retry_after(problem, failures, 0.0, asked_for) == seconds
    assert retry_after(problem, failures, 1.0, asked_for) == seconds * (1 + JITTER)


def test_the_first_failure_is_mended_within_a_minute_and_a_day_has_few_of_them() -> None:
    assert retry_after("connection", 1, 1.0) <= 60
    waited = tries = 0.0
    while waited < 86400:
        tries += 1
        waited += retry_after("connection", int(tries), 0.0)
    assert tries <= 8
