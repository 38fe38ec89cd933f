import pytest
from register.links import Server
from register.site import days_in_words, hours_in_words, size_in_words

from shared.policy.accounts import Rules
from tests.unit.register.fakes import site


@pytest.mark.parametrize(
    ("octets", "words"),
    [
        (500_000_000, "500 MB"),
        (30 * 1024 * 1024, "30 MB"),
        (1_000_000, "1 MB"),
        (1_999_999, "1 MB"),
        (65_536, "65 kB"),
        (2_000_000_000, "2 GB"),
        (1_500_000_000, "1.5 GB"),
    ],
)
def test_sizes(octets: int, words: str) -> None:
    assert size_in_words(octets) == words


def test_days() -> None:
    assert [days_in_words(1), days_in_words(20)] == ["1 day", "20 days"]


@pytest.mark.parametrize(
    ("domain", "name"),
    [("example.org", "example.org"), ("[127.0.0.1]", "127.0.0.1"), ("[IPv6:2001:db8::1]", "2001:db8::1")],
)
def test_a_literal_is_spoken_without_its_brackets(domain: str, name: str) -> None:
    assert site("host", domain).name == name


@pytest.mark.parametrize(
    ("contact", "link"),
    [
        ("mailto:op@example.org", "mailto:op@example.org"),
        ("https://example.org/imprint", "https://example.org/imprint"),
        ("javascript:alert(1)", ""),
        ("data:text/html,x", ""),
        ("Room 5", ""),
        ("", ""),
    ],
)
def test_only_harmless_contacts_become_links(contact: str, link: str) -> None:
    assert site(contact=contact).contact_link == link


@pytest.mark.parametrize(
    ("host", "domain"),
    [
        ("further.example", "further.example"),
        ("Further.Example:8443", "further.example"),
        ("autoconfig.further.example", "further.example"),
        ("usual.example", "usual.example"),
        ("mx.example", "usual.example"),
        ("evil.example", "usual.example"),
        ("further.example.evil.example", "usual.example"),
        ("further.example@evil.example", "usual.example"),
        ("[192.0.2.7]", "usual.example"),
        ("", "usual.example"),
    ],
)
def test_a_host_chooses_among_our_domains(host: str, domain: str) -> None:
    domains = frozenset({"usual.example", "further.example", "mx.example"})
    of = site(server=Server("mx.example", "usual.example"), rules=Rules(8, 32, 8, domains)).at(host)
    assert (of.server.domain, of.name, of.server.hostname) == (domain, domain, "mx.example")
    assert of.server.page_host == ("mx.example" if domain == "usual.example" else domain)


@pytest.mark.parametrize(("hours", "words"), [(48, "2 days"), (24, "1 day"), (1, "1 hour"), (12.5, "12.5 hours")])
def test_how_long_something_is_tried(hours: float, words: str) -> None:
    assert hours_in_words(hours) == words
