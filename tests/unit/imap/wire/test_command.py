import pytest
from imap.wire import command
from imap.wire.answer import Answer, Fault, bad, no


@pytest.mark.parametrize(
    ("frame", "tag", "name", "is_uid"),
    [
        (b"a1 noop\r\n", b"a1", b"NOOP", False),
        (b"A.1 uid fetch 1 FLAGS\r\n", b"A.1", b"UID FETCH", True),
        (b"a LOGIN x y\r\n", b"a", b"LOGIN", False),
    ],
)
def test_opens(frame: bytes, tag: bytes, name: bytes, is_uid: bool) -> None:
    opened = command.read(frame)
    assert (opened.tag, opened.name, opened.is_uid) == (tag, name, is_uid)


@pytest.mark.parametrize(
    "frame", [b"\r\n", b"a\r\n", b"a \r\n", b" a NOOP\r\n", b"* NOOP\r\n", b"a UID\r\n", b"a  NOOP\r\n"]
)
def test_i4_refuses(frame: bytes) -> None:
    with pytest.raises(Fault):
        command.read(frame)


@pytest.mark.parametrize(
    ("frame", "tag"),
    [(b"a1 \xff", b"a1"), (b"a1\r\n", b"*"), (b"* x", b"*"), (b"+ x", b"*"), (b"t" * 65 + b" x", b"*"), (b"", b"*")],
)
def test_the_tag_of_what_is_broken(frame: bytes, tag: bytes) -> None:
    assert command.tag_of(frame) == tag


def test_answers_as_lines() -> None:
    assert Answer("OK", "Done").line(b"a1") == b"a1 OK Done\r\n"
    assert no("LIMIT", "Too much").answer.line(b"a1") == b"a1 NO [LIMIT] Too much\r\n"
    assert bad("What").answer.line(b"*") == b"* BAD What\r\n"
