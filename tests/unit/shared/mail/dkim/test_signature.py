"""DKIM-Signature fields: what is read, and every flaw."""

import pytest

from shared.mail.dkim.finding import Finding
from shared.mail.dkim.signature import MAX_SIGNATURES, Signature, signatures
from shared.mail.message import read

DIGEST = "A" * 43 + "="
SOUND = {"v": "1", "a": "rsa-sha256", "d": "d.example", "s": "sel", "h": "from:to", "bh": DIGEST, "b": "AAAA"}
M = Finding.MALFORMED

FLAWED: dict[str, tuple[dict[str, str | None], Finding]] = {
    **{f"no-{tag}": ({tag: None}, M) for tag in SOUND},
    **{f"empty-{tag}": ({tag: ""}, M if tag != "a" else Finding.WEAK) for tag in SOUND},
    "version-2": ({"v": "2"}, M),
    "version-with-zero": ({"v": "01"}, M),
    "length": ({"l": "10"}, Finding.PARTIAL),
    "length-empty": ({"l": ""}, Finding.PARTIAL),
    "length-zero": ({"l": "0"}, Finding.PARTIAL),
    "sha1": ({"a": "rsa-sha1"}, Finding.WEAK),
    "unknown-algorithm": ({"a": "dsa-sha256"}, Finding.WEAK),
    "algorithm-in-capitals": ({"a": "RSA-SHA256"}, Finding.WEAK),
    "no-from-signed": ({"h": "to:subject"}, Finding.NO_FROM),
    "name-like-from": ({"h": "xfrom:from2"}, Finding.NO_FROM),
    "empty-name": ({"h": "from:"}, M),
    "name-with-space": ({"h": "from:a b"}, M),
    "too-many-names": ({"h": "from" + ":x" * 1000}, M),
    "20k-names": ({"h": "from" + ":x" * 20_000}, M),
    "long-copy": ({"z": "x" * 33_000}, M),
    "body-hash-short": ({"bh": "AAAA"}, M),
    "body-hash-sha512": ({"bh": "A" * 86 + "=="}, M),
    "body-hash-not-base64": ({"bh": "A" * 42 + "!="}, M),
    "signature-not-base64": ({"b": "A!AA"}, M),
    "signature-unpadded": ({"b": "AAAAA"}, M),
    "domain-literal": ({"d": "[192.0.2.1]"}, M),
    "domain-address": ({"d": "192.0.2.1"}, M),
    "domain-empty-label": ({"d": "d..example"}, M),
    "domain-final-dot": ({"d": "d.example."}, M),
    "domain-8-bit": ({"d": "dé.example"}, M),
    "domain-long": ({"d": "d." * 120 + "example"}, M),
    "selector-empty-label": ({"s": "a..b"}, M),
    "selector-at": ({"s": "a@b"}, M),
    "selector-long-label": ({"s": "a" * 64}, M),
    "selector-space": ({"s": "a b"}, M),
    "identity-elsewhere": ({"i": "@e.example"}, Finding.FOREIGN_IDENTITY),
    "identity-above": ({"i": "@example"}, Finding.FOREIGN_IDENTITY),
    "identity-suffix": ({"i": "a@xd.example"}, Finding.FOREIGN_IDENTITY),
    "identity-no-at": ({"i": "d.example"}, M),
    "identity-empty": ({"i": ""}, M),
    "form-unknown": ({"c": "nowsp"}, M),
    "form-body-unknown": ({"c": "simple/nowsp"}, M),
    "form-slash": ({"c": "relaxed/"}, M),
    "form-three": ({"c": "relaxed/relaxed/relaxed"}, M),
    "form-empty": ({"c": ""}, M),
    "query-other": ({"q": "dns/other"}, M),
    "time-word": ({"t": "now"}, M),
    "time-negative": ({"t": "-1"}, M),
    "time-empty": ({"t": ""}, M),
    "time-other-digits": ({"t": "١"}, M),
    "time-too-long": ({"t": "9" * 13}, M),
    "end-word": ({"x": "soon"}, M),
    "end-before-start": ({"t": "20", "x": "10"}, M),
    "end-at-start": ({"t": "20", "x": "20"}, M),
}

FINE: dict[str, tuple[dict[str, str | None], dict[str, object]]] = {
    "plain": ({}, {"domain": "d.example", "selector": "sel", "identity": "d.example", "algorithm": "rsa"}),
    "ed25519": ({"a": "ed25519-sha256"}, {"algorithm": "ed25519"}),
    "capitals": ({"d": "D.Example", "s": "SEL"}, {"domain": "d.example", "selector": "sel"}),
    "names": ({"h": "From :\r\n\tTo : FROM:\tx-y"}, {"signed": (b"from", b"to", b"from", b"x-y")}),
    "identity": ({"i": "a@D.example"}, {"identity": "d.example"}),
    "identity-below": ({"i": "a=40b@x@Sub.d.example"}, {"identity": "sub.d.example"}),
    "no-forms": ({}, {"is_header_relaxed": False, "is_body_relaxed": False}),
    "one-form": ({"c": "relaxed"}, {"is_header_relaxed": True, "is_body_relaxed": False}),
    "two-forms": ({"c": "simple/relaxed"}, {"is_header_relaxed": False, "is_body_relaxed": True}),
    "queries": ({"q": "other : dns/txt"}, {"flaw": None}),
    "times": ({"t": "10", "x": "999999999999"}, {"signed_at": 10, "expires_at": 999_999_999_999}),
    "folded-octets": ({"b": "AA\r\n\tAA", "bh": "AAA\r\n " + DIGEST[3:]}, {"octets": bytes(3), "body_hash": bytes(32)}),
    "unknown-tags": ({"zz": "?", "r": "y"}, {"flaw": None}),
    "selector-of-labels": ({"s": "2026.mail_1"}, {"key_name": "2026.mail_1._domainkey.d.example"}),
    "underscore-domain": ({"d": "_d.example"}, {"domain": "_d.example"}),
}


def field(**changes: str | None) -> bytes:
    tags = {name: value for name, value in {**SOUND, **changes}.items() if value is not None}
    return b"DKIM-Signature: " + "; ".join(f"{name}={value}" for name, value in tags.items()).encode() + b"\r\n"


def found(header: bytes) -> list[Signature]:
    raw = header + b"From: a@d.example\r\n\r\n"
    return signatures(raw, read(raw))


@pytest.mark.parametrize("name", FLAWED)
def test_flaws(name: str) -> None:
    changes, flaw = FLAWED[name]
    (signature,) = found(field(**changes))
    assert signature.flaw is flaw


@pytest.mark.parametrize("name", FINE)
def test_fine(name: str) -> None:
    changes, values = FINE[name]
    (signature,) = found(field(**changes))
    assert signature.flaw is None
    assert {name: getattr(signature, name) for name in values} == values


@pytest.mark.parametrize("text", [b"", b" ", b";", b"v=1; v=1", b"hello", b"v=1; a", b"\xff\xfe"])
def test_no_tag_list(text: bytes) -> None:
    (signature,) = found(b"DKIM-Signature:" + text + b"\r\n")
    assert signature.flaw is M


def test_a_tag_given_twice() -> None:
    assert [one.flaw for one in found(field()[:-2] + b"; d=d.example\r\n")] == [M]


def test_the_first_five_from_the_top() -> None:
    header = b"".join(field(s=f"s{n}") for n in range(200))
    assert [one.selector for one in found(header)] == [f"s{n}" for n in range(MAX_SIGNATURES)]


def test_none() -> None:
    assert found(b"X-DKIM-Signature: v=1\r\nDKIM: x\r\n") == []
