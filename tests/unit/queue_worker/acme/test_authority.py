"""How an authority's troubles are put into words; the conversation itself is held in tests/strangers/test_acme.py."""

import time
from email.utils import formatdate

import pytest
import requests
from acme import errors, messages
from queue_worker.acme import authority, paper
from queue_worker.acme.authority import Authority
from queue_worker.acme.trouble import Trouble

PREFIX = "urn:ietf:params:acme:error:"


def about(name: str) -> messages.Identifier:
    return messages.Identifier(typ=messages.IDENTIFIER_FQDN, value=name)


def problem(word: str, *names: str) -> messages.Error:
    parts = tuple(messages.Error(typ=PREFIX + word, identifier=about(name)) for name in names)
    return messages.Error(typ=PREFIX + ("compound" if parts else word), detail="10.0.0.1 said no", subproblems=parts)


WORDS = {
    "a word of RFC 8555": (problem("rateLimited"), "rateLimited", ()),
    "parts": (problem("caa", "a.test", "b.test"), "caa", ("a.test", "b.test")),
    "a name": (messages.Error(typ=PREFIX + "dns", identifier=about("a.test")), "dns", ("a.test",)),
    "a word of its own": (messages.Error(typ="https://ca.test/errors/mood"), "refused", ()),
    "no word": (messages.Error(), "refused", ()),
    "no connection": (requests.ConnectionError("10.0.0.1"), "away", ()),
    "no patience": (requests.Timeout(), "away", ()),
    "no root to trust": (OSError("no such file"), "away", ()),
    "not JSON": (errors.ClientError("<html>"), "away", ()),
    "JSON of another kind": (KeyError("newOrder"), "refused", ()),
}


@pytest.mark.parametrize(("error", "word", "names"), WORDS.values(), ids=list(WORDS))
def test_every_trouble_has_a_word(
    monkeypatch: pytest.MonkeyPatch, error: Exception, word: str, names: tuple[str, ...]
) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(authority.ClientV2, "get_directory", fail)
    with pytest.raises(Trouble) as raised:
        Authority("https://ca.test/dir", None, paper.load_key(paper.make_key()), "me@a.test")
    assert (raised.value.word, raised.value.names) == (word, names)
    assert "10.0.0.1" not in str(raised.value)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("120", 120), ("", 0), ("soon", 0), ("-5", 0), ("²", 0), ("Wed, 21 Oct 2015 07:28:00 GMT", 0)],
)
def test_retry_after_is_read(header: str, seconds: float) -> None:
    assert authority._seconds(header) == seconds


def test_retry_after_may_be_a_date() -> None:
    assert 3500 < authority._seconds(formatdate(time.time() + 3600, usegmt=True)) <= 3600
