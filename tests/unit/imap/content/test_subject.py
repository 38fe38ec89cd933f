import pytest
from imap.content.subject import base_subject

SUBJECTS = [
    ("hello", "hello", False),
    ("Re: hello", "hello", True),
    ("RE : [x] re:hello", "hello", True),
    ("Fw: Fwd: hello", "hello", True),
    ("hello (fwd) (fwd) ", "hello", True),
    ("[list] hello", "hello", False),
    ("[list] Re: [list] hello", "hello", True),
    ("Re[2]: hello", "hello", True),
    ("[list]", "[list]", False),
    ("[a][b]", "[b]", False),
    ("[fwd: hello]", "hello", True),
    ("[Fwd: Re: [Fwd: hello (fwd)]]", "hello", True),
    ("Re:", "", True),
    ("  HELLO \t there ", "hello there", False),
    ("Re: ", "", True),
    ("regarding: hello", "regarding: hello", False),
    ("Straße", "strasse", False),
    ("", "", False),
]


@pytest.mark.parametrize(("subject", "base", "is_reply"), SUBJECTS, ids=[subject or "-" for subject, _, _ in SUBJECTS])
def test_bases(subject: str, base: str, is_reply: bool) -> None:
    assert base_subject(subject) == (base, is_reply)


@pytest.mark.parametrize("subject", ["re:" * 10_000, "[x]" * 10_000, "[fwd:" * 10_000, "[" * 10_000, "(fwd)" * 10_000])
def test_long_ones_end(subject: str) -> None:
    assert len(base_subject(subject)[0]) <= 1000
