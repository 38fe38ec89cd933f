"""Addresses: what is one, what is none, and how they are folded."""

from ipaddress import IPv4Address, IPv6Address

import pytest

from shared.address import (
    Address,
    AddressError,
    literal,
    literal_ip,
    parse,
    parse_domain,
    parse_login,
    parse_own_domain,
)

GOOD = {
    "a@example.org": ("a", "example.org"),
    "Ab.C@EXAMPLE.org": ("ab.c", "example.org"),
    "a+tag@example.org": ("a+tag", "example.org"),
    "!#$%&'*+/=?^_`{|}~-@example.org": ("!#$%&'*+/=?^_`{|}~-", "example.org"),
    "a@b": ("a", "b"),
    "a@_self.example.org": ("a", "_self.example.org"),
    "a@xn--bcher-kva.example": ("a", "xn--bcher-kva.example"),
    "a@1.example": ("a", "1.example"),
    "a@[127.0.0.1]": ("a", "[127.0.0.1]"),
    "a@[ipv6:2001:DB8::1]": ("a", "[IPv6:2001:db8::1]"),
    "a@[IPv6:2001:db8:0:0:0:0:0:1]": ("a", "[IPv6:2001:db8::1]"),
    "l" * 64 + "@example.org": ("l" * 64, "example.org"),
    "a@" + "d" * 63 + ".example": ("a", "d" * 63 + ".example"),
}

# The probes S29, R and F4 of the attack list are among them.
BAD = [
    *("", "@", "a", "a@", "@d", "a@@d", "a@b@d", "<a@d>", "<", "<@[", "a@d>", "a d@d", "a@d d", " a@d", "a@d "),
    *(".a@d", "a.@d", "a..b@d", '"a"@d', '"a b"@d', "a(c)@d", "a@d(c)", "@r1,@r2:a@d", "a,b@d", "a;b@d", "a:b@d"),
    *("a@d.", "a@.d", "a@d..e", "a@-d", "a@d-", "a@d_", "a@d/e", "a@d%00.x", "a@d\n.x", "a\n@d", "a@d\r\n", "a\0@d"),
    *("a@127.0.0.1", "a@0x7f.1", "a@1.2.3.0X4", "a@999", "a@[127.0.0.1", "a@127.0.0.1]", "a@[127.0.0.256]", "a@[]"),
    *(
        "a@[",
        "a@[]]",
        "a@[::1]",
        "a@[IPv6:1.2.3.4]",
        "a@[IPv6:fe80::1%eth0]",
        "a@[127.1]",
        "a@[0177.0.0.1]",
        "a@[x-y:z]",
    ),
    *("a@dé", "é@d", "a@ｄ", "а@d", "a＠d", "a@d\u202e", "\udcff@d", "a@\udcff"),
    *("l" * 65 + "@d", "l" * 400 + "@d", "a@" + "d" * 64, "a@" + "d." * 130 + "d"),
]


@pytest.mark.parametrize("text", GOOD)
def test_good(text: str) -> None:
    assert parse(text) == Address(*GOOD[text])


@pytest.mark.parametrize("text", BAD, ids=ascii)
def test_bad(text: str) -> None:
    with pytest.raises(AddressError):
        parse(text)


@pytest.mark.parametrize("text", ["é@d", "a@dé.example", "用户@例子.广告"])
def test_utf8_only_when_asked_for(text: str) -> None:
    assert str(parse(text, may_be_utf8=True)) == text
    with pytest.raises(AddressError):
        parse(text)


@pytest.mark.parametrize(
    "text", ["\udcff@d", "a@\udcff", "a\u00a0b@d", "a\u2028@d", "a@d\x85", "é" * 33 + "@d", "a@d é"], ids=ascii
)
def test_bad_even_in_utf8(text: str) -> None:
    with pytest.raises(AddressError):
        parse(text, may_be_utf8=True)


def test_length_limit_is_that_of_a_path() -> None:
    domain = ".".join(["d" * 60] * 4)
    assert len(f"{'l' * 10}@{domain}") == 254
    parse(f"{'l' * 10}@{domain}")
    with pytest.raises(AddressError):
        parse(f"{'l' * 11}@{domain}")


def test_literals() -> None:
    assert parse("a@[127.0.0.1]").is_literal
    assert not parse("a@example.org").is_literal
    assert literal_ip("[127.0.0.1]") == IPv4Address("127.0.0.1")
    assert literal_ip("[IPv6:::1]") == IPv6Address("::1")
    assert literal_ip("example.org") is None
    assert literal(IPv6Address("::1")) == "[IPv6:::1]"


@pytest.mark.parametrize(
    ("text", "domain"),
    [
        ("Example.ORG", "example.org"),
        ("127.0.0.1", "[127.0.0.1]"),
        (" ::1 ", "[IPv6:::1]"),
        ("[127.0.0.1]", "[127.0.0.1]"),
    ],
)
def test_own_domain(text: str, domain: str) -> None:
    assert parse_own_domain(text) == domain


def test_own_domain_must_be_one() -> None:
    for text in ("", "a b", "127.0.0", "a@b"):
        with pytest.raises(AddressError):
            parse_own_domain(text)
    assert parse_domain("D.example") == "d.example"


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("Alice@Example.org", "alice@example.org"),
        ("a@127.0.0.1", "a@[127.0.0.1]"),
        ("a@[127.0.0.1]", "a@[127.0.0.1]"),
        ("a@::1", "a@[IPv6:::1]"),
    ],
)
def test_login(text: str, address: str) -> None:
    assert str(parse_login(text)) == address


@pytest.mark.parametrize("text", ["", "a", "@127.0.0.1", "a b@127.0.0.1", "a@127.0.0.256", "a@fe80::1%eth0"])
def test_no_login(text: str) -> None:
    with pytest.raises(AddressError):
        parse_login(text)
