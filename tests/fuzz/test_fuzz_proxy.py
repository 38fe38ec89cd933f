"""Invariants: the PROXY header's reader takes not an octet beyond the header, however it arrives; it says the same
whatever follows; it never raises, and never asks for more than 536 octets. X-Forwarded-For never makes anybody a client
that no trusted proxy named."""

import struct
from ipaddress import IPv4Address, IPv6Address

from hypothesis import given
from hypothesis import strategies as st
from register.forwarded import client

from shared.listen.proxy import MAX_V2, SIGNATURE, Header, Introduced, Malformed, NeedMore, read

fours = st.ip_addresses(v=4)
sixes = st.ip_addresses(v=6)
ports = st.integers(0, 65535)
tails = st.binary(max_size=40)

lines = st.one_of(
    st.builds(lambda a, b, p, q: (a, f"PROXY TCP4 {a} {b} {p} {q}\r\n".encode()), fours, fours, ports, ports),
    st.builds(lambda a, b, p, q: (a, f"PROXY TCP6 {a} {b} {p} {q}\r\n".encode()), sixes, sixes, ports, ports),
)


def _binary(one: IPv4Address | IPv6Address, extensions: bytes) -> tuple[IPv4Address | IPv6Address, bytes]:
    body = one.packed * 2 + bytes(4) + extensions
    family = 0x11 if one.version == 4 else 0x21
    return one, SIGNATURE + bytes([0x21, family]) + struct.pack("!H", len(body)) + body


headers = lines | st.builds(_binary, fours | sixes, tails)
broken = st.one_of(
    st.binary(max_size=600),
    st.builds(lambda tail: SIGNATURE + tail, st.binary(max_size=600)),
    st.builds(lambda tail: b"PROXY " + tail, st.binary(max_size=200)),
    st.builds(lambda text: f"PROXY TCP4 {text}\r\n".encode(), st.text("0123456789. :\r\n", max_size=100)),
)


def fed(octets: bytes, steps: list[int]) -> tuple[Header, int]:
    """Give the reader no more than it asks for, and at times less."""
    taken = 0
    for at in range(len(octets) + 1):
        found = read(octets[:taken])
        if not isinstance(found, NeedMore) or taken == len(octets):
            return found, taken
        assert 0 < found.octets <= MAX_V2 - taken
        taken = min(taken + min(found.octets, steps[at % len(steps)]), len(octets))
    raise AssertionError("no end")


steps = st.lists(st.integers(1, 600), min_size=1, max_size=5)


@given(headers, tails, steps)
def test_a_header_ends_where_it_ends(header: tuple[IPv4Address, bytes], tail: bytes, steps: list[int]) -> None:
    address, octets = header
    found, taken = fed(octets + tail, steps)
    assert isinstance(found, Introduced)
    assert found.client == (getattr(address, "ipv4_mapped", None) or address)
    assert taken == len(octets)


@given(broken, steps)
def test_no_octets_raise_and_arrival_does_not_matter(octets: bytes, steps: list[int]) -> None:
    found, taken = fed(octets, steps)
    assert taken <= MAX_V2
    again, taken_again = fed(octets, [1])
    assert again == found
    assert taken_again == taken or found == Malformed()


@given(st.lists(st.binary(max_size=40), max_size=30), fours | sixes, fours)
def test_only_a_trusted_hop_names_a_client(junk: list[bytes], last: IPv4Address, peer: IPv4Address) -> None:
    assert client(peer, [(b"x-forwarded-for", b",".join(junk))], ()) == peer
    client(peer, [(b"x-forwarded-for", b",".join(junk))], (peer,))
    field = [(b"x-forwarded-for", b",".join([*junk, str(last).encode()]))]
    assert last == peer or client(peer, field, (peer,)) == (getattr(last, "ipv4_mapped", None) or last)
