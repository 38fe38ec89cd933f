"""Did the author's domain sign: alignment, DNS answers, several signatures (K1, K5-K9)."""

import pytest

from shared.mail.dkim.judge import Answers, Judgement, aligned, judge
from shared.mail.message import read
from tests.dkim.recipe import DOMAIN, MESSAGE, NOW, record, seal

RSA, ED = f"rsa._domainkey.{DOMAIN}", f"ed25519._domainkey.{DOMAIN}"
GOOD: Answers = {RSA: [record()], ED: [record("ed25519")]}
BOTH = seal(seal(kind="ed25519"))
FOREIGN = seal(d="e.example")

CASES: dict[str, tuple[bytes, Answers, Judgement]] = {
    "unsigned": (MESSAGE, {}, Judgement.NONE),
    "signed": (seal(), GOOD, Judgement.VALID),
    "both": (BOTH, GOOD, Judgement.VALID),
    "one-of-both-revoked": (BOTH, {**GOOD, RSA: [b"v=DKIM1; p="]}, Judgement.VALID),
    "one-of-both-unknown": (BOTH, {**GOOD, RSA: None}, Judgement.VALID),
    "one-revoked-one-unknown": (BOTH, {RSA: [b"v=DKIM1; p="], ED: None}, Judgement.UNKNOWN),
    "foreign": (FOREIGN, {"rsa._domainkey.e.example": [record()]}, Judgement.INVALID),
    "sub-domain": (seal(d="sub." + DOMAIN), GOOD, Judgement.INVALID),
    "parent": (seal(d="example", i="@" + DOMAIN), {"rsa._domainkey.example": [record()]}, Judgement.INVALID),
    "capitals": (seal(d="D.EXAMPLE"), GOOD, Judgement.VALID),
    "foreign-on-top": (seal(seal(), d="e.example"), GOOD, Judgement.VALID),
    "broken-on-top": (b"DKIM-Signature: hello\r\n" + seal(), GOOD, Judgement.VALID),
    "broken": (b"DKIM-Signature: hello\r\n" + MESSAGE, GOOD, Judgement.INVALID),
    "altered": (seal() + b"more\r\n", GOOD, Judgement.INVALID),
    "no-such-name": (seal(), {RSA: []}, Judgement.INVALID),
    "unknown": (seal(), {RSA: None}, Judgement.UNKNOWN),
    "not-asked": (seal(), {}, Judgement.UNKNOWN),
    "unknown-but-altered": (seal() + b"more\r\n", {RSA: None}, Judgement.INVALID),
    "unknown-but-expired": (seal(x=str(NOW - 1)), {RSA: None}, Judgement.INVALID),
    "testing": (seal(), {RSA: [record(tags=b"t=y; ")]}, Judgement.INVALID),
    "not-for-mail": (seal(), {RSA: [record(tags=b"s=other; ")]}, Judgement.INVALID),
    "two-records": (seal(), {RSA: [b"v=spf1 -all", record()]}, Judgement.VALID),
    "two-keys": (seal(), {RSA: [record(bits=1024), record()]}, Judgement.VALID),
    "too-many-records": (seal(), {RSA: [b"x", b"y", b"z", record()]}, Judgement.INVALID),
    "record-of-64-kb": (seal(), {RSA: [record() + b"; n=" + b"x" * 65536]}, Judgement.INVALID),
    "fifth-of-200": (
        b"DKIM-Signature: x\r\n" * 4 + seal(b"DKIM-Signature: x\r\n" * 195 + MESSAGE),
        GOOD,
        Judgement.VALID,
    ),
    "sixth-of-200": (b"DKIM-Signature: x\r\n" * 5 + seal(), GOOD, Judgement.INVALID),
    "no-from-signed": (seal(h="to:subject"), GOOD, Judgement.INVALID),
    "malformed": (b"X : y\r\n" + MESSAGE, GOOD, Judgement.NONE),
    "malformed-below": (seal().replace(b"Date:", b"Date :"), GOOD, Judgement.INVALID),
}


@pytest.mark.parametrize("name", CASES)
def test_judge(name: str) -> None:
    raw, answers, judgement = CASES[name]
    facts = read(raw)
    assert judge(raw, facts, aligned(raw, facts, DOMAIN), answers, NOW) is judgement


def test_names_to_ask_for() -> None:
    raw = b"DKIM-Signature: x\r\n" + seal(BOTH, d="e.example")
    assert [one.key_name for one in aligned(raw, read(raw), "D.example")] == [RSA, ED]
