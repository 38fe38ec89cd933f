"""Invariants of what clients send that have enabled UTF8=ACCEPT.

Whatever stands between quotes, it is read as UTF-8 without NUL and line ends, or refused with BAD. Octets that are no
UTF-8 are never a mailbox name (BAD), those that are name the same mailbox as its modified UTF-7, and no name holds a
control character. Whatever a session is told, it answers, and what it says in quotes is UTF-8.
"""

import asyncio
import re

from hypothesis import given, settings
from hypothesis import strategies as st
from imap.wire import utf7, utf8
from imap.wire.answer import Fault
from imap.wire.grammar import Scanner

from tests.unit.imap.table import Table

_PIECES = ["é".encode(), "😀".encode(), b"\xed\xa0\x80", b"\xc3", b"\xff", b"\x00", b"\\", b'"', b"&-", b"/", b"INBOX"]
_TEXTS = st.lists(st.one_of(st.sampled_from(_PIECES), st.binary(max_size=4)), max_size=8).map(b"".join)
_OCTETS = st.one_of(_TEXTS, st.text(max_size=10).map(lambda text: text.encode("utf-8", "surrogatepass")))
_COMMANDS = [b"CREATE %b", b"STATUS %b (MESSAGES)", b'LIST "" %b', b"RENAME INBOX %b", b"ID (%b NIL)", b'LSUB %b "*"']
_COMMANDS += [
    b"SELECT %b",
    b"GETMETADATA %b /shared/comment",
    b"SEARCH SUBJECT %b",
    b"SUBSCRIBE %b",
    b"GETQUOTAROOT %b",
]
_QUOTED = re.compile(rb'"((?:[^"\\]|\\.)*)"')


def is_utf8(octets: bytes) -> bool:
    try:
        octets.decode()
    except UnicodeDecodeError:
        return False
    return True


@settings(max_examples=500, derandomize=True, deadline=None)
@given(_OCTETS)
def test_quoted_strings(octets: bytes) -> None:
    try:
        text = Scanner(b'"%b"' % octets, is_utf8=True).string()
    except Fault as fault:
        assert fault.answer.word == "BAD"  # noqa: PT017
    else:
        assert is_utf8(text)
        assert not {0, 10, 13} & set(text)


@settings(max_examples=500, derandomize=True, deadline=None)
@given(_OCTETS)
def test_names(octets: bytes) -> None:
    try:
        name = utf8.decode(octets)
    except Fault as fault:
        assert is_utf8(octets) is (fault.answer.word == "NO")  # noqa: PT017
    else:
        assert utf7.decode(utf7.encode(octets.decode())) == name
        assert not any(ord(letter) < 32 or 127 <= ord(letter) < 160 for letter in name)


@settings(max_examples=200, derandomize=True, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(_COMMANDS), _OCTETS, st.booleans()), max_size=8))
def test_a_session_answers(commands: list[tuple[bytes, bytes, bool]]) -> None:
    async def play() -> None:
        table = Table()
        await table.open()
        await table.say("a ENABLE UTF8=ACCEPT")
        for command, octets, is_literal in commands:
            written = b"{%d}\r\n%b" % (len(octets), octets) if is_literal else b'"%b"' % octets
            await table.session.handle(b"a " + command % written + b"\r\n")
            said = table.said.taken()
            assert re.search(rb"^a (OK|NO|BAD) ", said, re.MULTILINE)
            if b"{" not in said:
                assert all(is_utf8(quoted) for quoted in _QUOTED.findall(said))
            if not is_utf8(octets) and not is_literal:
                assert said.startswith(b"a BAD")
        assert not table.reports

    asyncio.run(play())
