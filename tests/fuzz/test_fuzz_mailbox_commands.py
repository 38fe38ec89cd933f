"""Invariants of what names, lists and appends.

Whatever octets come: readers return or raise a Fault; a new name has no empty level, and is read again as it is
written, in modified UTF-7 and in UTF-8; a pattern matches what a plain search through all ways of reading
it would. However an APPEND is cut into pieces, the same heads, octets and ends come out, and put together they are the
stream.
"""

import contextlib
from functools import lru_cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from imap.commands.naming import new_name, quoted, read_name
from imap.commands.patterns import Pattern
from imap.wire import append_head, flag_list, list_options, status_items, utf7
from imap.wire.answer import Fault
from imap.wire.encode import literal
from imap.wire.framer import Announced, Framed, Framer, Octets, Rest, Signal, TooBig
from imap.wire.grammar import Scanner

from tests.unit.imap.table import Table

_PIECES = [
    b"(",
    b")",
    b" ",
    b'"',
    b"\\",
    b"a",
    b"INBOX",
    b"*",
    b"%",
    b"/",
    b"&-",
    b"RETURN (",
    b"STATUS (",
    b"SUBSCRIBED",
]
_PIECES += [b"{3}\r\n", b"~{3}\r\n", b"\r\n", b"\\Seen", b'"17-Jul-1996 02:44:25 -0700"', b"MESSAGES", b"\x00", b"\xff"]
_TEXTS = st.lists(st.one_of(st.sampled_from(_PIECES), st.binary(max_size=4)), max_size=20).map(b"".join)
_READERS = [list_options.read, status_items.read, append_head.read, flag_list.read]


@pytest.mark.parametrize("reader", _READERS, ids=lambda reader: reader.__module__.rpartition(".")[2])
@settings(max_examples=300, derandomize=True, deadline=None)
@given(text=_TEXTS)
def test_readers_read_or_refuse(reader, text: bytes) -> None:  # type: ignore[no-untyped-def]
    with contextlib.suppress(Fault):
        reader(Scanner(text))


@settings(max_examples=500, derandomize=True, deadline=None)
@given(st.one_of(_TEXTS, st.text(max_size=8).map(str.encode)), st.booleans())
def test_a_name_is_spelt_in_one_way(text: bytes, is_utf8: bool) -> None:
    talk = Table().talk
    talk.is_utf8 = is_utf8
    with contextlib.suppress(Fault):
        name = new_name(talk, Scanner(literal(text)))
        assert utf7.decode(utf7.encode(name)) == name
        assert read_name(talk, Scanner(quoted(talk, name), is_utf8=is_utf8)) == name
        assert all(name.split("/"))


@settings(max_examples=1000, derandomize=True, deadline=None)
@given(st.text("ab/*%", max_size=8), st.text("ab/", max_size=8))
def test_a_pattern_matches_as_the_plain_rule_says(pattern: str, name: str) -> None:
    @lru_cache
    def plain(p: int, n: int) -> bool:
        if p == len(pattern):
            return n == len(name)
        if pattern[p] in "*%":
            may_go_on = n < len(name) and (pattern[p] == "*" or name[n] != "/")
            return plain(p + 1, n) or (may_go_on and plain(p, n + 1))
        return n < len(name) and pattern[p] == name[n] and plain(p + 1, n + 1)

    assert Pattern(pattern).matches(name) is plain(0, 0)


_HEADS = [b"a APPEND INBOX", b"b append {5+}\r\nINBOX", b"c APPEND {5}\r\nINBOX", b"d NOOP", b"e APPEND ", b" (\\Seen)"]
_SIZES = [b" {0}\r\n", b" {3}\r\n", b" {300}\r\n", b" {4+}\r\n", b" ~{4}\r\n", b" {5000+}\r\n", b"\r\n", b"\n"]
_STREAMS = st.lists(
    st.one_of(st.sampled_from(_HEADS + _SIZES), st.binary(max_size=8), st.just(b"x" * 300)), max_size=30
).map(b"".join)


def frames(pieces: list[bytes]) -> list[Framed]:
    """Frame as a connection does that wants every message, up to the first fatal frame; octets in one piece."""
    framer, found = Framer(200), list[Framed]()
    framer.takes_messages = True
    for piece in pieces:
        framer.feed(piece)
        while (framed := framer.next()) is not None:
            last = found[-1] if found else None
            if isinstance(framed, Octets) and isinstance(last, Octets):
                found[-1] = Octets(last.data + framed.data)
            else:
                found.append(framed)
            if isinstance(framed, TooBig) and framed.is_fatal:
                return found
        assert len(framer) <= 200
    return found


@settings(max_examples=500, derandomize=True, deadline=None)
@given(_STREAMS, st.integers(1, 30))
def test_cuts_of_appends_do_not_matter(stream: bytes, size: int) -> None:
    whole = frames([stream])
    cut = frames([stream[at : at + size] for at in range(0, len(stream), size)])
    if any(isinstance(framed, TooBig) for framed in whole + cut):
        return  # where a command is too long depends on how much of it was there
    assert cut == whole
    assert stream.startswith(b"".join(_octets(framed) for framed in whole))
    announced = 0
    for framed in whole:
        announced = framed.size if isinstance(framed, Announced) else announced
        if isinstance(framed, Octets):
            assert len(framed.data) <= announced


def _octets(framed: Framed) -> bytes:
    match framed:
        case bytes():
            return framed
        case Announced():
            return framed.head
        case Octets():
            return framed.data
        case Rest():
            return framed.line
        case Signal():
            return b""
        case TooBig():
            return framed.head
