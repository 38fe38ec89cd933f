"""Who may be told of recipients that failed."""

from dataclasses import replace

import pytest

from shared.address import Address, parse
from shared.mail.message import Facts
from shared.policy.reports import may_be_told

ZOE = parse("zoe@there.test")
LETTER = Facts(ZOE, 10, 0, is_malformed=False, is_encrypted=True, is_securejoin=False, fields=())


def test_the_author_is_told() -> None:
    assert may_be_told(ZOE, LETTER, ())
    assert may_be_told(ZOE, LETTER, ("x.test",))
    assert may_be_told(ZOE, replace(LETTER, automatic=b"auto-generated"), ())  # a bot wants to know


@pytest.mark.parametrize(
    ("sender", "letter", "unsigned_from"),
    [
        pytest.param(None, LETTER, (), id="B1 the null sender"),
        pytest.param(parse("yan@there.test"), LETTER, (), id="B2 somebody else"),
        pytest.param(ZOE, replace(LETTER, author=None), (), id="B2 no author"),
        pytest.param(ZOE, replace(LETTER, is_report=True), (), id="B3 a report"),
        pytest.param(ZOE, replace(LETTER, automatic=b"auto-replied"), (), id="B4 an automatic answer"),
        pytest.param(ZOE, LETTER, ("there.test",), id="B2 a domain that need not sign"),
        pytest.param(ZOE, LETTER, ("*",), id="B2 nobody need sign"),
    ],
)
def test_nobody_else_is(sender: Address | None, letter: Facts, unsigned_from: tuple[str, ...]) -> None:
    assert not may_be_told(sender, letter, unsigned_from)
