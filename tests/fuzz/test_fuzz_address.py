"""Invariant: an address parser answers with an address that reads back as itself, or with AddressError.

Whatever it accepts is one local part, one `@`, one domain, without white space, controls or quoting.
"""

import re

from hypothesis import example, given, settings
from hypothesis import strategies as st

from shared.address import Address, AddressError, parse, parse_login, parse_own_domain

PIECES = st.sampled_from(
    [
        "a",
        "B",
        "@",
        ".",
        "-",
        "_",
        "[",
        "]",
        "127.0.0.1",
        "IPv6:",
        "::1",
        '"',
        "<",
        ">",
        "(",
        "%",
        "\\",
        " ",
        "\0",
        "é",
        "\udcff",
        "0x7f",
    ]
)
TEXTS = st.one_of(
    st.text(max_size=40), st.lists(PIECES, max_size=12).map("".join), st.builds("{}@{}".format, st.text(), st.text())
)
PLAIN = re.compile(r"[^\s@\"<>()\[\]\\,;:\x00-\x20\x7f]+@(?:[A-Za-z0-9_.-]+|\[[0-9a-fA-F:.IPv]+\])")


def read(text: str, *, may_be_utf8: bool = False) -> Address | None:
    try:
        return parse(text, may_be_utf8=may_be_utf8)
    except AddressError:
        return None


@settings(max_examples=700, deadline=None, derandomize=True)
@given(TEXTS)
@example("@" * 254)
@example("a@" + "a-" * 120)
@example("a@[IPv6:" + ":" * 200 + "]")
def test_parse(text: str) -> None:
    found = read(text)
    if found is not None:
        assert PLAIN.fullmatch(str(found))
        assert parse(str(found)) == found
        assert text.isascii()
        assert read(text, may_be_utf8=True) == found


@settings(max_examples=300, deadline=None, derandomize=True)
@given(TEXTS)
def test_utf8(text: str) -> None:
    found = read(text, may_be_utf8=True)
    if found is not None:
        assert not set(str(found)) & set(' \t\r\n\0<>()\\"')
        str(found).encode()


@settings(max_examples=300, deadline=None, derandomize=True)
@given(TEXTS)
def test_login_and_domain(text: str) -> None:
    try:
        found = parse_login(text)
    except AddressError:
        return
    assert parse(str(found)) == found


@settings(max_examples=300, deadline=None, derandomize=True)
@given(TEXTS)
def test_own_domain(text: str) -> None:
    try:
        found = parse_own_domain(text)
    except AddressError:
        return
    assert parse_own_domain(found) == found
