"""Invariants of reading commands.

Whatever the octets: a session on an empty-handed store answers, every line it says is ended by CRLF and holds no other
CR or LF, no answer is an internal error, and nothing but a fault is ever raised.
"""

import asyncio

from hypothesis import given, settings
from hypothesis import strategies as st
from imap.session import Session
from imap.state import Conversation, House

from tests.fakes import MemoryDoorkeeper, MemoryStore

_WORDS = (
    b"LOGIN AUTHENTICATE CAPABILITY ID NOOP LOGOUT STARTTLS SELECT EXAMINE LIST LSUB STATUS FETCH UID STORE EXPUNGE "
    b"CLOSE IDLE DONE SEARCH GETQUOTAROOT GETQUOTA GETMETADATA SETMETADATA UNSELECT CHECK INBOX PLAIN NIL FLAGS +FLAGS "
    b"-FLAGS.SILENT \\Seen \\Deleted BODY[] BODY.PEEK[HEADER] BODY[HEADER.FIELDS (A)] RFC822.SIZE ENVELOPE ALL FAST "
    b"INTERNALDATE <0.5> 1 1:* * 2,3 0 NOT OR SUBJECT UNSEEN SINCE 1-Jan-2020 LARGER CHARSET UTF-8 MESSAGES UIDNEXT "
    b'/shared/comment MAXSIZE DEPTH ( ) [ ] < > { } " \\ % & ann@here.test secret'
).split()
_PARTS = st.one_of(
    st.sampled_from(_WORDS),
    st.sampled_from([b" ", b" ", b" ", b'"INBOX"', b'"a\\"b"', b"{3}\r\nabc", b"{3+}\r\na\r\n", b"()", b'""']),
    st.binary(max_size=6),
)
_ARGUMENTS = st.lists(_PARTS, max_size=12).map(b"".join)
_SPACED = st.lists(_PARTS, max_size=8).map(b" ".join)
_FRAMES = st.builds(
    lambda name, arguments: b"t1 " + name + b" " + arguments + b"\r\n",
    st.sampled_from(_WORDS[:26]),
    st.one_of(_ARGUMENTS, _SPACED),
)


class Said:
    """An output that keeps all."""

    def __init__(self) -> None:
        self.text = bytearray()

    def write(self, data: bytes) -> None:
        self.text += data

    async def drain(self) -> None:
        return


def talk(is_selected: bool) -> tuple[Session, Said, list[BaseException]]:
    store, said, mistakes = MemoryStore(), Said(), list[BaseException]()
    keeper = MemoryDoorkeeper(store)
    box = keeper.know("ann@here.test", "secret")
    for _ in range(3):
        store.deliver(box.mailbox_id, b"From: a@b.test\r\nSubject: x\r\n\r\nx")
    session = Session(Conversation(store, keeper, said, House(), True), lambda _name, error: mistakes.append(error))
    if is_selected:
        asyncio.run(session.handle(b"t0 LOGIN ann@here.test secret\r\n"))
        asyncio.run(session.handle(b"t0 SELECT INBOX\r\n"))
        said.text.clear()
    return session, said, mistakes


@settings(max_examples=600, derandomize=True, deadline=None)
@given(st.lists(_FRAMES, min_size=1, max_size=4), st.booleans())
def test_commands(sent: list[bytes], is_selected: bool) -> None:
    session, said, mistakes = talk(is_selected)
    for frame in sent:
        asyncio.run(session.handle(frame))
    assert mistakes == []
    assert b"SERVERBUG" not in said.text
    assert said.text.endswith(b"\r\n")


@settings(max_examples=400, derandomize=True, deadline=None)
@given(st.binary(max_size=40), st.booleans())
def test_octets(frame: bytes, is_selected: bool) -> None:
    session, said, mistakes = talk(is_selected)
    asyncio.run(session.handle(frame + b"\r\n"))
    assert mistakes == []
    lines = bytes(said.text).split(b"\r\n")
    assert lines[-1] == b""
    assert not any(b"\r" in line or b"\n" in line for line in lines)
