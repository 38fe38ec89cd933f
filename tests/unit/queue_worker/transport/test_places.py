"""Which addresses may be dialled."""

from ipaddress import ip_address

import pytest
from queue_worker.transport import places
from queue_worker.transport.values import Terms

KINDS = {
    "public": ["1.1.1.1", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "172.15.0.1", "172.32.0.1"],
    "public6": ["2001:4860:4860::8888", "2a01:4f8::1", "2620:fe::fe"],
    "loopback": ["127.0.0.1", "127.255.255.255", "::1"],
    "private": ["10.0.0.0", "172.16.0.1", "172.31.255.255", "192.168.0.1", "100.64.0.0", "100.127.255.255", "fd00::1"],
    "link-local": ["169.254.169.254", "fe80::1", "febf::1"],
    "nobody": [
        "0.0.0.0",
        "0.1.2.3",
        "192.0.0.8",
        "192.0.2.1",
        "198.18.0.1",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
    ],
    "nobody6": [
        "::",
        "::ffff:1.1.1.1",
        "::1.1.1.1",
        "64:ff9b::101:101",
        "64:ff9b:1::1",
        "100::1",
        "2001::1",
        "2001:db8::1",
    ],
    "nobody66": ["2002:101:101::1", "3fff::1", "ff02::1", "5f00::1", "4000::1"],
}
CASES = [(text, name.rstrip("6")) for name, texts in KINDS.items() for text in texts]


@pytest.mark.parametrize(("text", "kind"), CASES)
def test_kinds(text: str, kind: str) -> None:
    assert places.kind(ip_address(text)) == kind
    assert places.may_dial(ip_address(text), Terms("mx.test", frozenset({"test"}))) == (kind == "public")


@pytest.mark.parametrize(
    ("own", "target", "may"),
    [
        ("[127.0.0.1]", "127.0.0.2", True),
        ("[127.0.0.1]", "10.0.0.2", False),
        ("[10.0.0.1]", "192.168.0.2", True),
        ("[10.0.0.1]", "127.0.0.2", False),
        ("[10.0.0.1]", "169.254.169.254", False),
        ("[9.9.9.9]", "10.0.0.2", False),
        ("[9.9.9.9]", "1.1.1.1", True),
        ("[127.0.0.1]", "::ffff:127.0.0.2", False),
    ],
)
def test_neighbours_of_a_server_without_dns(own: str, target: str, may: bool) -> None:
    terms = Terms(own, frozenset({own}), is_literal=True)
    assert places.may_dial(ip_address(target), terms) is may


def test_a_literal_beside_a_name_opens_nothing() -> None:
    terms = Terms("mx.test", frozenset({"test", "[10.0.0.1]"}))
    assert not places.may_dial(ip_address("10.0.0.2"), terms)


def test_our_own() -> None:
    terms = Terms("[IPv6:2a01::1]", frozenset({"[9.9.9.9]", "x.test"}), sources=("0.0.0.0", "9.9.9.8", "::"))
    assert {str(ip) for ip in places.own(terms, [ip_address("9.9.9.7")])} == {
        "9.9.9.9",
        "9.9.9.8",
        "9.9.9.7",
        "2a01::1",
    }
