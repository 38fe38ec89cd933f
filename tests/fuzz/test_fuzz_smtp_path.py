"""Whatever stands after MAIL or RCPT is an address or a 5xx, never an exception; no address holds anything odd."""

from hypothesis import given, settings
from hypothesis import strategies as st

from shared.address import Address
from shared.mail.reply import Reply
from shared.smtp.path import Reverse, read_mail, read_rcpt

PIECES = st.sampled_from(
    ["<", ">", "@", "a", "b.c", "here.test", "[", "]", "127.0.0.1", "IPv6:::1", '"', "\\", "(", ")", ":", ",", " ",
     "\t", "\r", "\n", "\0", "é", "ｄ", "%", "!", "SIZE=", "BODY=8BITMIME", "SMTPUTF8", "=", "9" * 30,
     "²", ".", "-", "FROM:"]
)  # fmt: skip
TEXT = st.one_of(st.lists(PIECES, max_size=12).map("".join), st.text(max_size=40))
ODD = set('<>"\\()[]:;, \t\r\n\0')


def check(address: Address | None) -> None:
    if address is not None:
        assert not ODD & set(address.local)
        assert "@" not in address.domain
        assert address.is_literal or not ODD & set(address.domain)
        assert "\r" not in str(address)
        assert "\n" not in str(address)


@settings(max_examples=1500, derandomize=True, deadline=None)
@given(TEXT)
def test_mail(text: str) -> None:
    for argument in (text, f"FROM:{text}", f"FROM:<{text}>", f"FROM:<a@here.test> {text}"):
        result = read_mail(argument, 1000)
        if isinstance(result, Reply):
            assert result.code in (501, 552, 553, 555)
        else:
            assert isinstance(result, Reverse)
            check(result.address)


@settings(max_examples=1500, derandomize=True, deadline=None)
@given(TEXT, st.booleans())
def test_rcpt(text: str, may_be_utf8: bool) -> None:
    for argument in (text, f"TO:{text}", f"TO:<{text}>", f"TO:<a@here.test> {text}"):
        result = read_rcpt(argument, may_be_utf8=may_be_utf8)
        if isinstance(result, Reply):
            assert result.code in (501, 553, 555)
        else:
            check(result)
            assert may_be_utf8 or str(result).isascii()
