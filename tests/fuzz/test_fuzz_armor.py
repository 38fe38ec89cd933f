"""Invariant: what passes as armor is even lines of base64 of an encrypted message and nothing else, at any slice size.

So every octet of it that is not white space, the two lines or a checksum must decode, and decode to what was armored.
"""

import base64
import re
from unittest.mock import patch

from hypothesis import given, settings
from hypothesis import strategies as st

from shared.openpgp import armor
from tests.gate.recipe import BEGIN, END, armored, is_encrypted_armor, packet

OCTETS = packet(1, b"\3" + b"k" * 30) + packet(18, b"\1" + bytes(range(100)))
TEXT = armored(OCTETS, checksum=b"=AAAA")
OCTETS_LINES = TEXT.count(b"\r\n") - 4  # without BEGIN, the empty line, the checksum and END
JUNK = st.one_of(
    st.binary(min_size=1, max_size=6),
    st.sampled_from(
        [b"\r\n", b" ", b"=", b"==", b"=AAAA", BEGIN, END, b"\r\n\r\n", b"-", b"\0", b"AAAA", b"Comment: x\r\n"]
    ),
)


@settings(max_examples=600, deadline=None, derandomize=True)
@given(st.integers(0, len(TEXT)), st.integers(0, 5), JUNK, st.sampled_from([1, 2, 3, 1 << 12]))
def test_a_change_anywhere(at: int, cut: int, junk: bytes, size: int) -> None:
    text = TEXT[:at] + junk + TEXT[at + cut :]
    with patch.object(armor, "SLICE", size):
        passed = is_encrypted_armor(text)
    if passed:
        inner = text.split(BEGIN)[1].split(END)[0]
        assert text.count(BEGIN) == text.count(END) == 1
        assert not re.search(rb"[^A-Za-z0-9+/=\s]", inner)
        lines = [line.rstrip(b" \t=") for line in inner.strip().split(b"\r\n")]
        assert len({len(line) for line in lines[: OCTETS_LINES - 1]}) == 1
        assert not (text.split(BEGIN)[0] + text.split(END)[1]).strip()
        assert b"\xd2" in base64.b64decode(re.sub(rb"=[A-Za-z0-9+/]{4}\s*$", b"", inner))
    with patch.object(armor, "SLICE", 1 << 20):
        assert is_encrypted_armor(text) is passed


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.binary(max_size=300))
def test_never_raises(text: bytes) -> None:
    assert not is_encrypted_armor(text)
    assert not is_encrypted_armor(BEGIN + b"\r\n\r\n" + text + b"\r\n" + END)


@settings(max_examples=120, deadline=None, derandomize=True)
@given(st.binary(min_size=40, max_size=900), st.integers(60, 76), st.sampled_from([1, 2, 100]), st.booleans())
def test_every_armoring_of_a_message_passes(body: bytes, width: int, size: int, has_checksum: bool) -> None:
    text = armored(packet(18, b"\1" + body), width=width, checksum=b"=AAAA" if has_checksum else b"")
    with patch.object(armor, "SLICE", size):
        assert is_encrypted_armor(text)
