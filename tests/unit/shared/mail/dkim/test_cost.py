"""What 8 KB cost, measured against plain Python in the same process: RSA in Python would cost ten times the bound."""

from collections.abc import Callable

import pytest

from shared.mail.dkim.finding import Finding
from shared.mail.dkim.judge import Judgement, aligned, judge
from shared.mail.dkim.private import load
from shared.mail.dkim.record import Key, read_key
from shared.mail.dkim.sign import Signer
from shared.mail.dkim.signature import signatures
from shared.mail.dkim.verify import verify
from shared.mail.headers import scan
from shared.mail.message import read
from tests.calibration import cost, loop
from tests.dkim.recipe import DOMAIN, MESSAGE, NOW, pem, record

RAW = MESSAGE + (b"A" * 64 + b"\r\n") * 120
SIGNER = Signer(DOMAIN, {"default": load(pem())})
SIGNED = SIGNER.sign(RAW, scan(memoryview(RAW)), NOW) + RAW
FACTS = read(SIGNED)
ANSWERS = {f"default._domainkey.{DOMAIN}": [record()]}


def verifying() -> None:
    assert judge(SIGNED, FACTS, aligned(SIGNED, FACTS, DOMAIN), ANSWERS, NOW) is Judgement.VALID


def test_verify() -> None:
    assert cost(verifying, 60) < cost(loop, 60)  # measured: 0.2; dkimpy 1.4


def test_sign() -> None:
    assert cost(lambda: SIGNER.sign(RAW, scan(memoryview(RAW)), NOW), 60) < 2 * cost(
        loop, 60
    )  # measured: 0.62; dkimpy 11


DIGEST = b"A" * 43 + b"="


def field(tags: bytes) -> bytes:
    return b"DKIM-Signature: v=1; a=rsa-sha256; c=relaxed; d=d.example; s=rsa; bh=%b; b=AAAA; %b\r\n" % (DIGEST, tags)


SEALED = field(b"h=from") + b"From: a@d.example\r\n\r\n"
# By size: what a stranger may send to make us work. The sizes go beyond what is read of each.
HOSTILE: dict[str, Callable[[int], bytes]] = {
    "semicolons": lambda size: field(b";" * size),
    "tags": lambda size: field(b";".join(b"t%d=" % n for n in range(size // 8)) + b"; h=from"),
    "names": lambda size: field(b"h=from" + b":x" * (size // 2)),
    "spaces": lambda size: field(b"h=from; z=" + b" " * size),
    "almost-b": lambda size: field(b"h=from; z=" + b"; b " * (size // 4)),
    "white-almost-b": lambda size: field(b"h=from; z=;" + b" " * size),
    "base64": lambda size: field(b"h=from; z=").replace(b"AAAA;", b"A A " * (size // 4) + b";"),
    "labels": lambda size: field(b"h=from; i=@" + b"a." * (size // 2) + b"d.example"),
    "signatures": lambda size: field(b"h=from") * (size // 128),
    "white-header": lambda size: b"X: " + b" \t" * (size // 2) + b"x\r\n" + field(b"h=from:x"),
    "folds": lambda size: b"X: a\r\n" + b" a\r\n" * (size // 4) + field(b"h=from:x"),
    "white-body": lambda size: SEALED + b" \t" * (4 * size),
    "line-ends": lambda size: SEALED + b"\r\n" * (4 * size),
    "returns": lambda size: SEALED + b"\r" * (8 * size),
    "torn-lines": lambda size: SEALED + b"a \r\n" * (2 * size),
}


def examining(raw: bytes) -> Callable[[], None]:
    facts = read(raw)
    key = read_key(record())
    assert isinstance(key, Key)

    def examine() -> None:
        for signature in signatures(raw, facts):
            assert verify(raw, facts, signature, key, NOW) is not Finding.VALID
        assert judge(raw, facts, aligned(raw, facts, DOMAIN), {}, NOW) is Judgement.INVALID  # hashes the body

    return examine


@pytest.mark.parametrize("name", HOSTILE)
def test_linear(name: str) -> None:
    """Sixteen times as much costs at most some sixteen times as much; what is square costs 256 times."""
    small, large = (HOSTILE[name](size).removesuffix(b"\r\n") for size in (7_000, 112_000))
    works = [examining(raw if SEALED in raw else raw + b"\r\nFrom: a@d.example\r\n\r\n") for raw in (small, large)]
    assert cost(works[1], 5) < 48 * max(cost(works[0], 5), 50_000)
