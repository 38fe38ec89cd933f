"""Crosswise with dkimpy: each holds what the other signs, and neither holds it changed."""

import time
from base64 import b64encode
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from shared.mail.dkim.judge import Judgement, aligned, judge
from shared.mail.dkim.private import load
from shared.mail.dkim.sign import Signer
from shared.mail.headers import scan
from shared.mail.message import read
from tests.dkim.oracle import dkimpy_holds, dkimpy_signed
from tests.dkim.recipe import ALGORITHMS, DOMAIN, MESSAGE, NAMES, pem, private, record, seal

NOW = int(time.time())  # they look at the clock themselves
CORE = sorted((Path(__file__).parents[1] / "data/gate/core").glob("*.eml"))
FORMS = ["simple/simple", "simple/relaxed", "relaxed/simple", "relaxed/relaxed"]
RECORDS = {f"{kind}._domainkey.{DOMAIN}": record(kind) for kind in ("rsa", "ed25519")}
SIGNER = Signer(DOMAIN, {kind: load(pem(kind)) for kind in ("rsa", "ed25519")})
HEAD = b"From: a@d.example\r\n"
BODIES = {
    "plain": MESSAGE,
    "empty": HEAD + b"\r\n",
    "line-end": HEAD + b"\r\n\r\n",
    "empty-lines": HEAD + b"\r\na\r\n" + b"\r\n" * 99,
    "white-lines": HEAD + b"\r\na\r\n \r\n\t\r\n",
    "no-final-line-end": HEAD + b"\r\na",
    "white-space": HEAD + b"\r\n a \t b\t\r\n",
    "folded": b"From: a@d.example\r\nSubject:\r\n\ta \r\n  b\t \r\nDate:x\r\n\r\na\r\n",
    "field-twice": HEAD + b"X-A: 1\r\nX-A: 2\r\n\r\na\r\n",
}


def is_valid(raw: bytes) -> bool:
    facts = read(raw)
    answers = {name: [txt] for name, txt in RECORDS.items()}
    return judge(raw, facts, aligned(raw, facts, DOMAIN), answers, NOW + 600) is Judgement.VALID


def signed_by_dkimpy(raw: bytes, kind: str, form: str) -> bytes:
    if kind == "rsa":
        key = private().private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    else:
        key = b64encode(private(kind).private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption()))
    return dkimpy_signed(raw, key, ALGORITHMS[kind], kind, DOMAIN, form, NAMES + ":from:x-a:x-a:cc")


@pytest.mark.parametrize("path", CORE, ids=lambda path: path.stem)
def test_dkimpy_holds_ours(path: Path) -> None:
    raw = path.read_bytes()
    signed = SIGNER.sign(raw, scan(memoryview(raw)), NOW) + raw
    assert [dkimpy_holds(signed, RECORDS, index) for index in (0, 1)] == [True, True]
    changed = signed + b".\r\n"
    assert [dkimpy_holds(changed, RECORDS, index) for index in (0, 1)] == [False, False]


@pytest.mark.parametrize("name", BODIES)
def test_dkimpy_holds_our_odd_ones(name: str) -> None:
    raw = BODIES[name]
    signed = SIGNER.sign(raw, scan(memoryview(raw)), NOW) + raw
    assert [dkimpy_holds(signed, RECORDS, index) for index in (0, 1)] == [True, True]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("kind", ["rsa", "ed25519"])
@pytest.mark.parametrize("name", BODIES)
def test_we_hold_theirs(name: str, kind: str, form: str) -> None:
    signed = signed_by_dkimpy(BODIES[name], kind, form)
    assert is_valid(signed)
    assert not is_valid(signed + b".\r\n")
    assert not is_valid(signed.replace(b"a@d.example", b"b@d.example"))


TYPED = b"Content-Type: a/b\r\n" + MESSAGE
# Sealed honestly, held by dkimpy, and refused by a rule of ours that has a name.
STRICTER = {
    "length": (seal(l="4") + b"more\r\n", record()),
    "sha1": (seal(a="rsa-sha1"), record()),
    "from-unsigned": (seal(h="to:subject"), record()),
    "testing-key": (seal(), record(tags=b"t=y; ")),
    "strict-identity": (seal(i="@sub." + DOMAIN), record(tags=b"t=s; ")),
    "key-for-sha1": (seal(), record(tags=b"h=sha1; ")),
    "second-content-type": (b"Content-Type: c/d\r\n" + seal(TYPED, h=NAMES + ":content-type"), record()),
    "other-domain": (seal(d="e.example"), record()),
}


@pytest.mark.parametrize("name", STRICTER)
def test_stricter_than_dkimpy(name: str) -> None:
    raw, txt = STRICTER[name]
    facts = read(raw)
    answers = {f"rsa._domainkey.{domain}": txt for domain in (DOMAIN, "e.example")}
    assert dkimpy_holds(raw, answers)
    found = aligned(raw, facts, DOMAIN)
    assert judge(raw, facts, found, {key: [value] for key, value in answers.items()}, NOW) is Judgement.INVALID
