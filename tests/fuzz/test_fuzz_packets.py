"""Invariant: the walk finds a message exactly where a plain recursive reading of RFC 9580 §4.2 finds one.

It never raises anything but PacketError, always moves forward, and its answer does not depend on chance.
"""

from hypothesis import given, settings
from hypothesis import strategies as st

from shared.openpgp.packets import HEADER, PacketError, Walk

HEADS = st.sampled_from(
    [b"\xc1", b"\xc3", b"\xd2", b"\x84", b"\x85", b"\x8c", b"\xcb", b"\xd4", b"\x87", b"\xe9", b"\xff"]
)
BODY = st.one_of(st.just(b"\x01" + b"x" * 40), st.just(b"\x02" + b"x" * 60), st.just(b"\x03kk"), st.binary(max_size=8))


@st.composite
def packets(draw: st.DrawFn) -> bytes:
    body = draw(BODY)
    length = len(body) + draw(st.sampled_from([0, 0, 0, 0, 1, -1]))
    sizes = [bytes([length % 192]), b"\xff" + (length % 2**32).to_bytes(4, "big"), (length % 65536).to_bytes(2, "big")]
    return draw(HEADS) + draw(st.sampled_from(sizes)) + body


OCTETS = st.one_of(st.binary(max_size=80), st.lists(packets(), max_size=5).map(b"".join))
KEYS = st.lists(st.sampled_from([b"\xc1\x03\x03kk", b"\xc3\x03\x04kk", b"\x85\0\x03\x06kk"]), max_size=4).map(b"".join)


def is_message(octets: bytes) -> bool:
    walk = Walk()
    at = 0
    try:
        while at < len(octets):
            length = walk.step(octets[at : at + HEADER])
            assert length > 0
            at += length
    except PacketError:
        return False
    return walk.is_complete and at == len(octets)


def is_message_by_the_book(octets: bytes, *, has_data: bool = False) -> bool:
    """The same question answered by a slow reader for definite lengths: one packet, then the rest."""
    if not octets or has_data:
        return has_data and not octets
    tag = octets[0]
    if tag & 0xC0 == 0xC0:
        kind, rest = tag & 63, octets[1:]
        if rest[:1] == b"\xff" and len(rest) >= 5:
            length, rest = int.from_bytes(rest[1:5], "big"), rest[5:]
        elif rest and rest[0] < 192:
            length, rest = rest[0], rest[1:]
        elif len(rest) > 1 and rest[0] < 224:
            length, rest = (rest[0] - 192) * 256 + rest[1] + 192, rest[2:]
        else:
            return False
    else:
        size = (1, 2, 4, 0)[tag & 3]
        kind, length, rest = (
            tag >> 2 & 15 if tag >> 7 else 0,
            int.from_bytes(octets[1 : 1 + size], "big"),
            octets[1 + size :],
        )
        if not size or len(octets) < 1 + size:
            return False
    body, rest = rest[:length], rest[length:]
    smallest = {1: {2: 1, 3: 1, 6: 1}, 3: {4: 1, 5: 1, 6: 1}, 18: {1: 33, 2: 52}}.get(kind, {})
    is_sane = len(body) == length > 0 and length >= smallest.get(body[0], 1 << 40)
    return is_sane and length < 1 << 16 and is_message_by_the_book(rest, has_data=kind == 18)


def has_partial(octets: bytes) -> bool:
    return any(224 <= octet < 255 for octet in octets)


@settings(max_examples=900, deadline=None, derandomize=True)
@given(OCTETS)
def test_agrees_with_the_book(octets: bytes) -> None:
    if not has_partial(octets):
        assert is_message(octets) == is_message_by_the_book(octets)
    else:
        is_message(octets)


@settings(max_examples=120, deadline=None, derandomize=True)
@given(KEYS, st.integers(33, 190), st.binary(min_size=1, max_size=9))
def test_a_message_and_anything_more(keys: bytes, size: int, more: bytes) -> None:
    whole = keys + bytes([0xD2, size, 1]) + b"x" * (size - 1)
    assert is_message(whole)
    assert not is_message(whole + more)
    assert not is_message(whole[:-1])


@settings(max_examples=120, deadline=None, derandomize=True)
@given(st.lists(st.integers(0, 11), max_size=8), st.integers(0, 191))
def test_partial_lengths(powers: list[int], last: int) -> None:
    chunks = b"".join(bytes([224 + power]) + b"x" * (1 << power) for power in powers)
    assert is_message(b"\xd2\xe9\x01" + b"x" * 511 + chunks + bytes([last]) + b"x" * last)
    assert not is_message(b"\xd2\xe9\x01" + b"x" * 511 + chunks)
