"""Invariant: what goes into a link comes out of it, read the way Delta Chat reads it, whatever the characters.

Nothing in a password, a token or an address may end a field, add a field, or leave the alphabet of a URI.
"""

import re
from urllib.parse import parse_qsl, unquote

from hypothesis import given, settings
from hypothesis import strategies as st
from register import qr
from register.links import Server, dcaccount, dclogin

HOSTS = st.sampled_from(["chat.example.org", "_x", "127.0.0.1", "2001:db8::1"])
PORTS = st.integers(1, 65535)
TEXT = st.text(st.characters(codec="utf-8"), max_size=64)
URI = re.compile(r"[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=%]+")


@settings(max_examples=200, deadline=None, derandomize=True)
@given(HOSTS, PORTS, PORTS, TEXT, TEXT, st.booleans())
def test_dclogin(host: str, imaps: int, submissions: int, local: str, password: str, is_trusted: bool) -> None:
    server = Server(host, "example.org", imaps=imaps, submissions=submissions)
    link = dclogin(server, f"{local}@example.org", password, is_trusted=is_trusted)
    assert URI.fullmatch(link)
    path, _, query = link.partition("?")
    assert unquote(path) == f"dclogin:{local}@example.org"
    assert parse_qsl(query, keep_blank_values=True, strict_parsing=True) == [
        ("p", password),
        ("v", "1"),
        *(("ih", host), ("ip", str(imaps)), ("is", "ssl")),
        *(("sh", host), ("sp", str(submissions)), ("ss", "ssl")),
        ("ic", "1" if is_trusted else "3"),
    ]


@settings(max_examples=200, deadline=None, derandomize=True)
@given(TEXT)
def test_dcaccount(token: str) -> None:
    link = dcaccount(Server("e.org", "e.org"), token)
    assert URI.fullmatch(link)
    address, _, query = link.partition("?")
    assert address == "dcaccount:https://e.org/new"
    assert parse_qsl(query) == ([("t", token)] if token else [])


@settings(max_examples=30, deadline=None, derandomize=True)
@given(st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=512))
def test_every_link_has_a_picture(text: str) -> None:
    picture = qr.svg(text)
    assert picture.startswith("<svg ")
    assert re.fullmatch(r'[A-Za-z0-9 ="/:.<>#-]+', picture)
