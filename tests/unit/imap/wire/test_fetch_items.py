import pytest
from imap.wire.answer import Fault
from imap.wire.fetch_items import read


@pytest.mark.parametrize(
    ("text", "names", "labels", "sets_seen"),
    [
        (b"FLAGS", (b"FLAGS",), [], False),
        (b"(uid flags UID)", (b"UID", b"FLAGS"), [], False),
        (b"FAST", (b"FLAGS", b"INTERNALDATE", b"RFC822.SIZE"), [], False),
        (b"(FLAGS BODY.PEEK[])", (b"FLAGS",), [b"BODY[]"], False),
        (b"body[]", (), [b"BODY[]"], True),
        (b"(BODY.PEEK[] BODY[])", (), [b"BODY[]"], True),
        (b"(RFC822 RFC822.HEADER RFC822.TEXT)", (), [b"RFC822", b"RFC822.HEADER", b"RFC822.TEXT"], True),
        (b"RFC822.HEADER", (), [b"RFC822.HEADER"], False),
        (b"FULL", (b"FLAGS", b"INTERNALDATE", b"RFC822.SIZE", b"ENVELOPE", b"BODY"), [], False),
        (b"(BODY body[1] BODYSTRUCTURE)", (b"BODY", b"BODYSTRUCTURE"), [b"BODY[1]"], True),
        (b"(PREVIEW (LAZY) UID)", (b"PREVIEW", b"UID"), [], False),
        (b"PREVIEW", (b"PREVIEW",), [], False),
        (b"(BINARY.PEEK[1] BINARY.SIZE[2])", (), [b"BINARY[1]", b"BINARY.SIZE[2]"], False),
        (b"BINARY[1.2]<3.4>", (), [b"BINARY[1.2]<3>"], True),
        (b"(BODY[]<0.5> BODY[]<5.5>)", (), [b"BODY[]<0>", b"BODY[]<5>"], True),
        (b"(MODSEQ)", (b"MODSEQ",), [], False),
        (b"(FLAGS) (CHANGEDSINCE 12345)", (b"FLAGS", b"MODSEQ"), [], False),
    ],
)
def test_plans(text: bytes, names: tuple[bytes, ...], labels: list[bytes], sets_seen: bool) -> None:
    plan = read(text + b"\r\n")
    assert (plan.names, [part.label for part in plan.sections], plan.sets_seen) == (names, labels, sets_seen)


@pytest.mark.parametrize(
    ("text", "needs"),
    [
        (b"(UID FLAGS)", (False, False, False)),
        (b"(RFC822.SIZE)", (True, False, False)),
        (b"ENVELOPE", (True, True, False)),
        (b"BODY.PEEK[HEADER]", (True, True, False)),
        (b"BODY.PEEK[HEADER.FIELDS (A)]", (True, True, False)),
        (b"BODY.PEEK[]", (True, False, True)),
        (b"BODY.PEEK[TEXT]", (True, True, True)),
        (b"BODYSTRUCTURE", (True, True, True)),
        (b"BODY.PEEK[1]", (True, True, True)),
        (b"BINARY.PEEK[]", (True, False, True)),
    ],
)
def test_needs(text: bytes, needs: tuple[bool, bool, bool]) -> None:
    plan = read(text + b"\r\n")
    assert (plan.needs_store, plan.needs_header, plan.needs_body) == needs


@pytest.mark.parametrize(
    ("text", "word"),
    [
        (b"", "BAD"),
        (b"()", "BAD"),
        (b"(FLAGS", "BAD"),
        (b"FLAGS)", "BAD"),
        (b"(FLAGS  UID)", "BAD"),
        (b"FLAGS UID", "BAD"),
        (b"(ALL)", "BAD"),
        (b"((FLAGS))", "BAD"),
        (b"BINARY[HEADER]", "BAD"),
        (b"BINARY.SIZE[1]<0.1>", "BAD"),
        (b"PREVIEW (BOGUS)", "BAD"),
        (b"PREVIEW(LAZY)", "BAD"),
        (b"(FULL)", "BAD"),
        (b"MODSEQ (CHANGEDSINCE)", "BAD"),
        (b"FLAGS (CHANGEDSINCE 1 VANISHED)", "BAD"),
        (b"(" + b"UID " * 3000 + b"UID)", "BAD"),
        (b"(" + b" ".join(b"BODY[]<%d.1>" % n for n in range(40)) + b")", "BAD"),
    ],
)
def test_refuses(text: bytes, word: str) -> None:
    with pytest.raises(Fault) as caught:
        read(text + b"\r\n")
    assert caught.value.answer.word == word
