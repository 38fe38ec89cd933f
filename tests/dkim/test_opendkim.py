"""Crosswise with opendkim, which most relays run: each holds what the other signs."""

import time
from pathlib import Path

import pytest

from shared.mail.dkim.judge import Judgement, aligned, judge
from shared.mail.dkim.private import load
from shared.mail.dkim.sign import Signer
from shared.mail.headers import scan
from shared.mail.message import read
from tests.dkim.oracle import opendkim_holds, opendkim_signed
from tests.dkim.recipe import ALGORITHMS, DOMAIN, MESSAGE, pem, record
from tests.needs import needs

NOW = int(time.time())  # they look at the clock themselves
CORE = sorted((Path(__file__).parents[1] / "data/gate/core").glob("*.eml"))
FORMS = ["simple/simple", "simple/relaxed", "relaxed/simple", "relaxed/relaxed"]
RECORDS = {f"{kind}._domainkey.{DOMAIN}": record(kind) for kind in ("rsa", "ed25519")}
SIGNER = Signer(DOMAIN, {kind: load(pem(kind)) for kind in ("rsa", "ed25519")})


@pytest.fixture
def opendkim() -> str:
    return needs("opendkim")


def is_valid(raw: bytes, kind: str) -> bool:
    facts = read(raw)
    answers = {f"sel._domainkey.{DOMAIN}": [record(kind)]}
    return judge(raw, facts, aligned(raw, facts, DOMAIN), answers, NOW + 600) is Judgement.VALID


def from_our_domain(path: Path) -> bytes:
    raw = path.read_bytes()
    author = read(raw).author
    assert author
    return raw.replace(b"@" + author.domain.encode(), b"@" + DOMAIN.encode())


@pytest.mark.parametrize("path", CORE[::7], ids=lambda path: path.stem)
def test_opendkim_holds_ours(opendkim: str, tmp_path: Path, path: Path) -> None:
    raw = from_our_domain(path)
    signed = SIGNER.sign(raw, scan(memoryview(raw)), NOW) + raw
    assert opendkim_holds(opendkim, tmp_path, signed, RECORDS) == ["pass", "pass"]
    changed = signed.replace(b"\r\n\r\n", b"\r\n\r\n.\r\n", 1)
    assert "pass" not in opendkim_holds(opendkim, tmp_path, changed, RECORDS)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("kind", ["rsa", "ed25519"])
@pytest.mark.parametrize("name", ["made", *(path.stem for path in CORE[::20])])
def test_we_hold_theirs(opendkim: str, tmp_path: Path, name: str, kind: str, form: str) -> None:
    raw = MESSAGE if name == "made" else from_our_domain(CORE[0].with_stem(name))
    signed = opendkim_signed(opendkim, tmp_path, raw, pem(kind), ALGORITHMS[kind], form, DOMAIN)
    said = opendkim_holds(opendkim, tmp_path, signed, {f"sel._domainkey.{DOMAIN}": record(kind)})
    assert (["pass"] if is_valid(signed, kind) else ["fail"]) == said
    # opendkim 2.11 does not hold its own Ed25519 signatures of simple headers; nobody does.
    assert said == ["pass"] or (kind, form.partition("/")[0]) == ("ed25519", "simple")
    assert not is_valid(signed + b".\r\n", kind)
