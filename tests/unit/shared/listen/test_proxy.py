"""The PROXY header as octets: a table of good and bad ones."""

import struct
from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest

from shared.listen.proxy import MAX_V1, MAX_V2, SIGNATURE, Introduced, Malformed, NeedMore, read

FOUR = IPv4Address("192.0.2.7").packed + IPv4Address("198.51.100.1").packed + struct.pack("!HH", 51000, 993)
SIX = IPv6Address("2001:db8::7").packed + IPv6Address("2001:db8::1").packed + struct.pack("!HH", 51000, 993)
MAPPED = IPv6Address("::ffff:192.0.2.7").packed + IPv6Address("2001:db8::1").packed + struct.pack("!HH", 51000, 993)
TLV = b"\x04\x00\x05extra"


def binary(command: int, family: int, body: bytes = b"", length: int | None = None) -> bytes:
    return SIGNATURE + bytes([command, family]) + struct.pack("!H", len(body) if length is None else length) + body


def received(octets: bytes) -> tuple[object, int]:
    """Give the parser what it asks for, and return its verdict and how much it took."""
    taken = 0
    while isinstance(found := read(octets[:taken]), NeedMore):
        assert found.octets > 0
        if taken + found.octets > len(octets):
            return found, taken
        taken += found.octets
    return found, taken


GOOD = {
    "1 TCP4": (b"PROXY TCP4 192.0.2.7 198.51.100.1 51000 993\r\n", "192.0.2.7"),
    "1 TCP4, shortest": (b"PROXY TCP4 1.1.1.1 1.1.1.1 1 1\r\n", "1.1.1.1"),
    "1 TCP6": (b"PROXY TCP6 2001:db8::7 2001:db8::1 51000 993\r\n", "2001:db8::7"),
    "1 TCP6, mapped": (b"PROXY TCP6 ::ffff:192.0.2.7 ::1 51000 993\r\n", "192.0.2.7"),
    "1 TCP6, longest": (
        b"PROXY TCP6 " + b"ffff:f" + b"f" * 3 + b":ffff" * 6 + b" ::1 65535 65535\r\n",
        "f" * 4 + ":ffff" * 7,
    ),
    "1 UNKNOWN": (b"PROXY UNKNOWN\r\n", None),
    "1 UNKNOWN, with more": (b"PROXY UNKNOWN ffff:f...f:ffff ffff:f...f:ffff 65535 65535\r\n", None),
    "2 TCP4": (binary(0x21, 0x11, FOUR), "192.0.2.7"),
    "2 TCP4, with extensions": (binary(0x21, 0x11, FOUR + TLV), "192.0.2.7"),
    "2 TCP6": (binary(0x21, 0x21, SIX), "2001:db8::7"),
    "2 TCP6, mapped": (binary(0x21, 0x21, MAPPED), "192.0.2.7"),
    "2 TCP6, as long as it may be": (binary(0x21, 0x21, SIX.ljust(MAX_V2 - 16, b"\0")), "2001:db8::7"),
    "2 LOCAL": (binary(0x20, 0x00), None),
    "2 LOCAL, with addresses": (binary(0x20, 0x11, FOUR), None),
    "2 LOCAL, from nowhere we know": (binary(0x20, 0x77, b"abc"), None),
    "2 unspecified": (binary(0x21, 0x00, TLV), None),
}


@pytest.mark.parametrize("name", GOOD)
def test_a_header_is_read_to_its_end_and_no_further(name: str) -> None:
    header, client = GOOD[name]
    expected = Introduced(ip_address(client) if client else None)
    assert received(header) == (expected, len(header))
    assert received(header + b"\x16\x03\x01\r\n" * 200) == (expected, len(header))


@pytest.mark.parametrize("name", GOOD)
def test_a_header_that_breaks_off_is_waited_for(name: str) -> None:
    header, _ = GOOD[name]
    for end in range(len(header)):
        found, _taken = received(header[:end])
        assert isinstance(found, NeedMore), header[:end]


@pytest.mark.parametrize(
    "octets",
    [
        pytest.param(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\x00\x00\x00\x00\x00", id="TLS"),
        pytest.param(b"EHLO mx.example.org\r\n", id="SMTP"),
        pytest.param(b"GET / HTTP/1.1\r\n\r\n", id="HTTP"),
        pytest.param(b"proxy TCP4 192.0.2.7 198.51.100.1 1 1\r\n", id="1 small letters"),
        pytest.param(b"PROXY TCP4 192.0.2.7 198.51.100.1 1 1\nabc\r\n", id="1 bare LF"),
        pytest.param(b"PROXY TCP4 192.0.2.7\r\n\r\n\r\n\r\n\r\n\r\n", id="1 too few words"),
        pytest.param(b"PROXY TCP4 192.0.2.7 198.51.100.1 1 1 1\r\n", id="1 too many words"),
        pytest.param(b"PROXY TCP4  192.0.2.7 198.51.100.1 1 1\r\n", id="1 two spaces"),
        pytest.param(b"PROXY TCP4 2001:db8::7 2001:db8::1 1 1\r\n", id="1 IPv6 as TCP4"),
        pytest.param(b"PROXY TCP6 192.0.2.7 198.51.100.1 1 1\r\n", id="1 IPv4 as TCP6"),
        pytest.param(b"PROXY TCP4 192.0.2.256 198.51.100.1 1 1\r\n", id="1 no address"),
        pytest.param(b"PROXY TCP4 192.0.2.7 nowhere 1 1 1 1\r\n", id="1 no destination"),
        pytest.param(b"PROXY TCP6 fe80::1%eth0 fe80::2 1 1\r\n", id="1 a zone"),
        pytest.param(b"PROXY TCP4 192.0.2.7 198.51.100.1 65536 1\r\n", id="1 no port"),
        pytest.param(b"PROXY TCP4 192.0.2.7 198.51.100.1 1 -1\r\n", id="1 negative port"),
        pytest.param(b"PROXY UDP4 192.0.2.7 198.51.100.1 1 1\r\n", id="1 datagrams"),
        pytest.param(b"PROXY UNKNOWNS\r\nx\r\n", id="1 another word"),
        pytest.param(b"PROXY TCP4 " + b"1" * MAX_V1 + b"\r\n", id="1 too long"),
        pytest.param(b"PROXY UNKNOWN " + b"x" * MAX_V1 + b"\r\n", id="1 too long, unknown"),
        pytest.param(SIGNATURE[:11] + b"\r" + bytes(16), id="2 another signature"),
        pytest.param(binary(0x11, 0x11, FOUR), id="2 another version"),
        pytest.param(binary(0x22, 0x11, FOUR), id="2 another command"),
        pytest.param(binary(0x21, 0x12, FOUR), id="2 datagrams"),
        pytest.param(binary(0x21, 0x10, FOUR), id="2 no transport"),
        pytest.param(binary(0x21, 0x31, bytes(216)), id="2 Unix sockets"),
        pytest.param(binary(0x21, 0x11, FOUR[:-1]), id="2 too short for IPv4"),
        pytest.param(binary(0x21, 0x21, FOUR), id="2 too short for IPv6"),
        pytest.param(binary(0x21, 0x11, FOUR, length=MAX_V2 - 15), id="2 too long"),
        pytest.param(binary(0x20, 0x00, length=65535), id="2 much too long, local"),
    ],
)
def test_what_is_no_header_is_seen_before_it_costs_much(octets: bytes) -> None:
    found, taken = received(octets)
    assert found == Malformed()
    assert taken <= MAX_V2
