"""Arguments of MAIL and RCPT: S19, S28 and S29 of the attack list."""

import pytest

from shared.address import Address
from shared.mail import reply
from shared.mail.reply import Reply
from shared.smtp.path import Reverse, read_mail, read_rcpt

MAX = 1000
ANN = Address("ann", "here.test")

MAIL: dict[str, Reverse | Reply] = {
    "FROM:<ann@here.test>": Reverse(ANN, False),
    "from:<ANN@Here.Test>": Reverse(ANN, False),
    "FROM: <ann@here.test>": Reverse(ANN, False),
    "FROM:<>": Reverse(None, False),
    "FROM:<> BODY=8BITMIME": Reverse(None, False),
    "FROM:<ann@here.test> SIZE=1000 BODY=7BIT SMTPUTF8": Reverse(ANN, True),
    "FROM:<ann@[192.0.2.1]>": Reverse(Address("ann", "[192.0.2.1]"), False),
    "FROM:<ann@here.test> size=1001": reply.TOO_LARGE,
    "FROM:<ann@here.test> SIZE=99999999999999999999": reply.TOO_LARGE,
    "FROM:<ann@here.test> SIZE=-1": reply.BAD_SYNTAX,
    "FROM:<ann@here.test> SIZE": reply.BAD_SYNTAX,
    "FROM:<ann@here.test> SIZE=1e99": reply.BAD_SYNTAX,
    "FROM:<ann@here.test> SIZE=²": reply.BAD_SYNTAX,
    "FROM:<ann@here.test> SIZE=1 SIZE=1": reply.BAD_SYNTAX,
    "FROM:<ann@here.test> BODY=BINARYMIME": reply.BAD_SYNTAX,
    "FROM:<ann@here.test> AUTH=<>": reply.UNKNOWN_PARAMETER,
    "FROM:<ann@here.test> RET=HDRS": reply.UNKNOWN_PARAMETER,
    "FROM:<ann@here.test> X!=1": reply.BAD_SYNTAX,
    "FROM:<ann@here.test>SIZE=1": reply.BAD_SENDER,
    "FROM:<änn@here.test>": reply.NOT_ASCII,
    "FROM:<änn@here.test> SMTPUTF8": Reverse(Address("änn", "here.test"), True),
    "FROM:<ann@here.test": reply.BAD_SENDER,
    "FROM:ann@here.test": reply.BAD_SENDER,
    "FROM:": reply.BAD_SENDER,
    "": reply.BAD_SENDER,
    "TO:<ann@here.test>": reply.BAD_SENDER,
    "FROM:<@r1,@r2:ann@here.test>": reply.BAD_SENDER,
    'FROM:<"ann"@here.test>': reply.BAD_SENDER,
    "FROM:<ann(c)@here.test>": reply.BAD_SENDER,
    "FROM:<ann\0@here.test>": reply.BAD_SENDER,
    f"FROM:<{'a' * 65}@here.test>": reply.BAD_SENDER,
}
RCPT: dict[str, Address | Reply] = {
    "TO:<ann@here.test>": ANN,
    "to:<ann@here.test>  ": ANN,
    "TO:<>": reply.BAD_RECIPIENT,
    "TO:<ann>": reply.BAD_RECIPIENT,
    "TO:<postmaster>": reply.BAD_RECIPIENT,
    "TO:<ann@here.test.>": reply.BAD_RECIPIENT,
    "TO:<ann@127.0.0.1>": reply.BAD_RECIPIENT,
    "TO:<ann@0x7f.1>": reply.BAD_RECIPIENT,
    "TO:<ann@here.test> NOTIFY=NEVER": reply.UNKNOWN_PARAMETER,
    "TO:<änn@here.test>": reply.NOT_ASCII,
}


@pytest.mark.parametrize(("argument", "expected"), MAIL.items(), ids=list(MAIL))
def test_mail(argument: str, expected: Reverse | Reply) -> None:
    assert read_mail(argument, MAX) == expected


@pytest.mark.parametrize(("argument", "expected"), RCPT.items(), ids=list(RCPT))
def test_rcpt(argument: str, expected: Address | Reply) -> None:
    assert read_rcpt(argument, may_be_utf8=False) == expected


def test_utf8_recipient() -> None:
    assert read_rcpt("TO:<änn@here.test>", may_be_utf8=True) == Address("änn", "here.test")


@pytest.mark.parametrize(
    ("argument", "expected"),
    [
        ("TO:<postmaster>", Address("postmaster", "here.test")),
        ("TO:<PostMaster>", Address("postmaster", "here.test")),
        ("TO:<postmaster@there.test>", Address("postmaster", "there.test")),
        ("TO:<postmaster>  NOTIFY=NEVER", reply.UNKNOWN_PARAMETER),
        ("TO:<postmaster@>", reply.BAD_RECIPIENT),
        ("TO:<postmaster+x>", reply.BAD_RECIPIENT),
        ("TO:<abuse>", reply.BAD_RECIPIENT),
        ("TO:<>", reply.BAD_RECIPIENT),
    ],
)
def test_postmaster_without_a_domain(argument: str, expected: Address | Reply) -> None:
    assert read_rcpt(argument, may_be_utf8=False, domain="here.test") == expected
