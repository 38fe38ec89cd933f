import pytest
from imap.content import threads
from imap.content.threads import MAX_REFERENCES, Threaded, TooTangled, by_references, by_subject, ids, spell

# Each message: number, subject, id, references; the moment is the number unless given behind it.
CASES = [
    pytest.param([(1, "a", "1", ""), (2, "Re: a", "2", "1"), (3, "Re: a", "3", "1 2")], b"(1 2 3)", id="a-chain"),
    pytest.param([(1, "a", "1", ""), (2, "Re: a", "2", "1"), (3, "Re: a", "3", "1")], b"(1 (2)(3))", id="two-answers"),
    pytest.param([(1, "a", "1", ""), (2, "b", "2", "")], b"(1)(2)", id="strangers"),
    pytest.param([(2, "x", "2", "1"), (3, "y", "3", "1")], b"((2)(3))", id="answers-to-one-that-is-not-here"),
    pytest.param([(2, "x", "2", "1")], b"(2)", id="one-answer-to-one-that-is-not-here"),
    pytest.param([(3, "x", "3", "1 2"), (1, "x", "1", "")], b"(1 3)", id="one-between-is-not-here"),
    pytest.param([(1, "a", "1", ""), (2, "Re: a", "2", "")], b"(1 2)", id="a-reply-by-its-subject"),
    pytest.param([(1, "a", "1", ""), (2, "a", "2", "")], b"((1)(2))", id="the-same-subject"),
    pytest.param([(1, "Re: a", "1", ""), (2, "a", "2", "")], b"(2 1)", id="the-reply-came-first"),
    pytest.param(
        [(1, "a", "1", "0"), (2, "a", "2", "0"), (3, "Re: a", "3", "")], b"((1)(2)(3))", id="a-reply-to-the-absent"
    ),
    pytest.param([(1, "", "1", ""), (2, "", "2", "")], b"(1)(2)", id="no-subject-binds-nothing"),
    pytest.param([(1, "a", "1", "2"), (2, "a", "2", "1")], b"(2 1)", id="a-loop"),
    pytest.param([(1, "a", "1", "1")], b"(1)", id="an-answer-to-itself"),
    pytest.param([(1, "a", "x", ""), (2, "b", "x", ""), (3, "c", "3", "x")], b"(1 3)(2)", id="an-id-given-twice"),
    pytest.param([(1, "a", "", ""), (2, "b", "", "")], b"(1)(2)", id="no-ids"),
    pytest.param([(1, "a", "1", "", 9), (2, "b", "2", "", 3)], b"(2)(1)", id="by-moment"),
    pytest.param(
        [(1, "a", "1", ""), (2, "a", "2", "1", 9), (3, "a", "3", "1", 5), (4, "a", "4", "2")],
        b"(1 (3)(2 4))",
        id="answers-by-moment",
    ),
    pytest.param([(3, "a", "3", "1 2"), (2, "a", "2", "9")], b"(2 3)", id="what-it-says-of-itself-counts-more"),
    pytest.param([], b"", id="nothing"),
]


def message(number: int, subject: str, own: str, references: str, moment: int = 0) -> Threaded:
    return Threaded(number, moment or number, subject, own.encode(), references.encode().split())


def spelt(roots: list[threads.Node]) -> bytes:
    return b"".join(spell(roots))


@pytest.mark.parametrize(("rows", "told"), CASES)
def test_by_references(rows: list[tuple[int, str, str, str]], told: bytes) -> None:
    assert spelt(by_references(message(*row) for row in rows)) == told


def test_by_subject() -> None:
    rows = [(5, "b", "", ""), (1, "a", "", ""), (2, "Re: A", "", ""), (4, "[x] a (fwd)", "", ""), (3, "Re: b", "", "")]
    assert spelt(by_subject(message(*row) for row in rows)) == b"(1 (2)(4))(3 5)"


def test_a_thread_may_be_as_deep_as_a_mailbox_is_large() -> None:
    rows = [(number, "a", str(number), str(number - 1)) for number in range(1, 20_001)]
    told = spelt(by_references(message(*row) for row in rows))
    assert told == b"(" + b" ".join(b"%d" % number for number in range(1, 20_001)) + b")"
    backwards = spelt(by_references(message(*row) for row in reversed(rows)))
    assert backwards == told


def test_references_made_to_be_walked_are_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "MAX_STEPS", 1000)
    chain = [message(number, "a", str(number), str(number - 1)) for number in range(1, 200)]
    # Each of these asks whether the chain's first hangs below its last, which only a walk can tell.
    tangled = [message(number, "a", f"x{number}", "199 0") for number in range(300, 320)]
    with pytest.raises(TooTangled):
        by_references([*chain, *tangled])


def test_ids_are_bounded() -> None:
    assert ids(b" <a@b>\r\n\t<c@d> junk <e f> <>") == [b"a@b", b"c@d"]
    many = ids(b"".join(b"<%d>" % number for number in range(100_000)))
    assert (len(many), many[0], many[-1]) == (MAX_REFERENCES, b"0", b"99999")
