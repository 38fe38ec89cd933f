"""Invariants of BODY[…] and BINARY[…]: a section is read or refused; what it cuts lies inside the message, whatever the
range; header fields that are picked and those that are not make up the header; ENVELOPE is one balanced list for any
octets.
"""

import re

from hypothesis import given, settings
from hypothesis import strategies as st
from imap.wire import section
from imap.wire.answer import Fault
from imap.wire.envelope import addresses, envelope
from imap.wire.grammar import Scanner
from imap.wire.section import Form, Section, pick_fields

_WORDS = [b"]", b"HEADER", b"TEXT", b"HEADER.FIELDS", b".NOT", b"A", b"1", b"0", b"MIME", b"<0.5>", b"4294967295"]
_DIGITS = [b"1.", b"2.3", b".1", b"01"]
_SIGNS = [b" (", b" ", b")", b".", b"<", b">", b'"', b"{2}\r\nab", b"\xff"]
_PARTS = st.sampled_from(_WORDS + _DIGITS + _SIGNS)
_TEXTS = st.lists(_PARTS, max_size=10).map(b"".join)
_LINE = st.one_of(
    st.sampled_from(
        [b"From: a@b.test", b"To: x: y;", b" folded", b"\tfold", b"subject:", b": none", b"noise", b"A : b"]
    ),
    st.binary(max_size=20).map(lambda line: line.replace(b"\r", b"").replace(b"\n", b"")),
)
_HEADERS = st.lists(_LINE.filter(bool), max_size=12).map(
    lambda lines: b"\r\n".join([*lines, b"\r\n"]) if lines else b"\r\n"
)
_ADDRESSY = st.lists(
    st.sampled_from([b"a", b"@", b"b.test", b"<", b">", b",", b";", b":", b"(", b")", b'"', b"\\", b" ", b"\xff"]),
    max_size=40,
).map(b"".join)


@settings(max_examples=500, derandomize=True, deadline=None)
@given(_TEXTS, st.integers(0, 50), st.integers(0, 50))
def test_sections(text: bytes, header_size: int, text_size: int) -> None:
    try:
        asked = section.read(Scanner(text))
    except Fault:
        return
    if asked.is_span:
        offset, length = asked.span(header_size, header_size + text_size)
        assert 0 <= offset <= offset + length <= header_size + text_size
    assert asked.label.startswith(b"BODY[")
    # A label is read as what it says.
    said = section.read(Scanner(asked.label.removeprefix(b"BODY[").partition(b"<")[0]))
    assert (said.text, said.fields, said.path) == (asked.text, asked.fields, asked.path)


@settings(max_examples=300, derandomize=True, deadline=None)
@given(_TEXTS, st.sampled_from([Form.DECODED, Form.DECODED_SIZE]))
def test_binary_sections(text: bytes, form: Form) -> None:
    try:
        asked = section.read_binary(Scanner(text), form)
    except Fault:
        return
    assert asked.label.startswith(form.value + b"[")
    assert not asked.text
    assert not asked.fields


@settings(max_examples=500, derandomize=True, deadline=None)
@given(
    st.sampled_from([b"", b"HEADER", b"TEXT"]), st.integers(0, 1 << 32), st.integers(1, 1 << 32), st.binary(max_size=60)
)
def test_ranges(text: bytes, first: int, count: int, body: bytes) -> None:
    header_size = len(body) // 2
    offset, length = Section(text, partial=(first, count)).span(header_size, len(body))
    whole = {b"": body, b"HEADER": body[:header_size], b"TEXT": body[header_size:]}[text]
    assert body[offset : offset + length] == whole[first : first + count]


@settings(max_examples=500, derandomize=True, deadline=None)
@given(_HEADERS, st.sets(st.sampled_from([b"from", b"to", b"subject", b"a", b""])).map(frozenset))
def test_picked_and_not_picked(header: bytes, names: frozenset[bytes]) -> None:
    picked, others = pick_fields(header, names), pick_fields(header, names, is_not=True)
    assert picked.endswith(b"\r\n")
    kept = picked[:-2].split(b"\r\n") + others[:-2].split(b"\r\n")
    lines = header[:-2].split(b"\r\n")
    while lines and lines[0][:1] in (b" ", b"\t"):  # a fold of no field belongs to none
        lines.pop(0)
    assert sorted(filter(None, kept)) == sorted(filter(None, lines))


@settings(max_examples=500, derandomize=True, deadline=None)
@given(_ADDRESSY)
def test_addresses(value: bytes) -> None:
    for _name, local, domain in addresses(value):
        assert domain is None or local is not None


@settings(max_examples=500, derandomize=True, deadline=None)
@given(_HEADERS)
def test_envelopes(header: bytes) -> None:
    left = envelope(header)
    while match := re.search(rb"\{(\d+)\}\r\n", _without_quotes(left)):
        size = int(match[1])
        at = left.index(match[0])
        left = left[:at] + b"L" + left[at + len(match[0]) + size :]
    plain = _without_quotes(left)
    assert plain.count(b"(") == plain.count(b")") > 0
    assert not set(plain) - set(b"()NILQ ")


def _without_quotes(text: bytes) -> bytes:
    # Quoted strings hold no CR or LF, and are looked for only up to the first literal: what follows is re-read.
    head, brace, tail = text.partition(b"}\r\n")
    return re.sub(rb'"(?:[^"\\]|\\.)*"', b"Q", head) + brace + (tail if brace else b"")
