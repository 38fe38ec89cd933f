"""What holds and what does not: the attack list K, the RFC's own example, and every single octet."""

from base64 import b64decode

import pytest

from shared.mail.dkim.finding import Finding
from shared.mail.dkim.record import Key, read_key
from shared.mail.dkim.signature import signatures
from shared.mail.dkim.verify import verify
from shared.mail.message import read
from tests.dkim.recipe import DOMAIN, MESSAGE, NAMES, NOW, record, seal

FORMS = ["simple/simple", "simple/relaxed", "relaxed/simple", "relaxed/relaxed"]


def verified(raw: bytes, txt: bytes, now: int = NOW) -> Finding:
    facts = read(raw)
    key = read_key(txt)
    assert isinstance(key, Key)
    return verify(raw, facts, signatures(raw, facts)[0], key, now)


@pytest.mark.parametrize("kind", ["rsa", "ed25519"])
@pytest.mark.parametrize("form", FORMS)
def test_valid(kind: str, form: str) -> None:
    assert verified(seal(kind=kind, form=form), record(kind)) is Finding.VALID


def test_any_buffer() -> None:
    raw = seal()
    with memoryview(bytearray(raw)) as view:
        facts = read(view)
        key = read_key(record())
        assert isinstance(key, Key)
        assert verify(view, facts, signatures(view, facts)[0], key, NOW) is Finding.VALID


# Sealed honestly: the one oddity decides.
SEALED: dict[str, tuple[bytes, bytes, Finding]] = {
    "length": (seal(l="4"), record(), Finding.PARTIAL),
    "sha1": (seal(a="rsa-sha1"), record(), Finding.WEAK),
    "from-unsigned": (seal(h="to:subject:date"), record(), Finding.NO_FROM),
    "1024-bits": (seal(bits=1024), record(bits=1024), Finding.VALID),
    "expired": (seal(t=str(NOW - 200), x=str(NOW - 100)), record(), Finding.EXPIRED),
    "expires-now": (seal(x=str(NOW)), record(), Finding.VALID),
    "expires-later": (seal(t=str(NOW), x=str(NOW + 9)), record(), Finding.VALID),
    "from-the-future": (seal(t=str(NOW + 3601)), record(), Finding.FROM_THE_FUTURE),
    "clock-ahead": (seal(t=str(NOW + 3600)), record(), Finding.VALID),
    "long-ago": (seal(t="1"), record(), Finding.VALID),
    "identity-below": (seal(i="@sub." + DOMAIN), record(), Finding.VALID),
    "identity-elsewhere": (seal(i="@e.example"), record(), Finding.FOREIGN_IDENTITY),
    "strict-identity": (seal(i="x@" + DOMAIN), record(tags=b"t=s; "), Finding.VALID),
    "strict-identity-below": (seal(i="@sub." + DOMAIN), record(tags=b"t=s; "), Finding.NOT_FOR_THIS),
    "other-key": (seal(), record(bits=1024), Finding.ALTERED),
    "other-kind-of-key": (seal(), record("ed25519"), Finding.NOT_FOR_THIS),
    "algorithm-of-another-key": (seal(a="ed25519-sha256"), record(), Finding.NOT_FOR_THIS),
    "oversigned": (seal(h=NAMES + ":from:to:cc:reply-to"), record(), Finding.VALID),
    "odd-names": (seal(h="From : TO:\r\n Subject:Date"), record(), Finding.VALID),
    "long-h": (seal(h="from" + ":x" * 900), record(), Finding.VALID),
}


@pytest.mark.parametrize("name", SEALED)
def test_sealed(name: str) -> None:
    raw, txt, finding = SEALED[name]
    assert verified(raw, txt) is finding


# What others do to a message on its way; with this signer, which oversigns From and Reply-To only.
OVERSIGNED = NAMES + ":from:reply-to"
CHANGES: dict[str, tuple[bytes, bytes, Finding]] = {
    "appended": (b"", b"", Finding.ALTERED_BODY),
    "body": (b"Hello", b"Hullo", Finding.ALTERED_BODY),
    "subject": (b"[...]", b"[,..]", Finding.ALTERED),
    "second-from-above": (b"From:", b"From: x@e.example\r\nFrom:", Finding.AMBIGUOUS),
    "second-from-below": (b"\r\nMessage-ID", b"\r\nFrom: x@e.example\r\nMessage-ID", Finding.AMBIGUOUS),
    "second-subject": (b"Subject:", b"Subject: x\r\nSubject:", Finding.MALFORMED),
    "two-content-types": (b"\r\n\r\nH", b"\r\nContent-Type: a/b\r\nContent-type: a/b\r\n\r\nH", Finding.AMBIGUOUS),
    "two-encodings": (b"\r\n\r\nH", 2 * b"\r\nContent-Transfer-Encoding: 8bit" + b"\r\n\r\nH", Finding.AMBIGUOUS),
    "reply-to-oversigned": (b"Date:", b"Reply-To: x@e.example\r\nDate:", Finding.ALTERED),
    "bare-lf-in-header": (b"Date:", b"X: y\nDate:", Finding.MALFORMED),
    "received-on-top": (b"DKIM-S", b"Received: x\r\nDKIM-S", Finding.VALID),
    "unsigned-field": (b"Date:", b"X-Spam: no\r\nDate:", Finding.VALID),
    "field-moved": (b"Subject: [...]\r\nDate", b"Date", Finding.ALTERED),
    "refolded": (b"b@e.example,\r\n\tc@", b"b@e.example,   \r\n  c@", Finding.VALID),
    "name-in-capitals": (b"Subject", b"SUBJECT", Finding.VALID),
    "white-space-between-lines": (b"Hello,  world\t\r\n", b"Hello, world\r\n", Finding.VALID),
    "white-space-removed": (b"Hello,  world", b"Hello,world", Finding.ALTERED_BODY),
    "empty-lines-appended": (b"\r\nAlice\r\n", b"\r\nAlice\r\n\r\n \r\n", Finding.VALID),
    "b-in-pieces": (b"b=", b"b= \r\n\t", Finding.VALID),
}


@pytest.mark.parametrize("name", CHANGES)
def test_changes(name: str) -> None:
    old, new, finding = CHANGES[name]
    raw = seal(h=OVERSIGNED)
    changed = raw.replace(old, new, 1) if old else raw + b"more\r\n"
    assert changed != raw
    assert verified(changed, record()) is finding


@pytest.mark.parametrize("kind", ["rsa", "ed25519"])
@pytest.mark.parametrize("form", ["simple/simple", "relaxed/relaxed"])
def test_every_changed_octet(kind: str, form: str) -> None:
    raw = seal(MESSAGE.replace(b"Message-ID: <1@d.example>\r\n", b""), kind=kind, form=form)
    key = read_key(record(kind))
    assert isinstance(key, Key)
    octets = signatures(raw, read(raw))[0].octets
    for at in range(len(raw)):
        changed = raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :]
        facts = read(changed)
        for signature in signatures(changed, facts):
            if verify(changed, facts, signature, key, NOW) is Finding.VALID:
                assert signature.octets == octets, at  # the bits that padding leaves over


# The keys, the message and the two signatures of RFC 8463, Appendix A.
RFC_8463 = b"""\
DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed;
 d=football.example.com; i=@football.example.com;
 q=dns/txt; s=brisbane; t=1528637909; h=from : to :
 subject : date : message-id : from : subject : date;
 bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;
 b=/gCrinpcQOoIfuHNQIbq4pgh9kyIK3AQUdt9OdqQehSwhEIug4D11Bus
 Fa3bT3FY5OsU7ZbnKELq+eXdp1Q1Dw==
DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed;
 d=football.example.com; i=@football.example.com;
 q=dns/txt; s=test; t=1528637909; h=from : to : subject :
 date : message-id : from : subject : date;
 bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;
 b=F45dVWDfMbQDGHJFlXUNB2HKfbCeLRyhDXgFpEL8GwpsRe0IeIixNTe3
 DhCVlUrSjV4BwcVcOF6+FF3Zo9Rpo1tFOeS9mPYQTnGdaSGsgeefOsk2Jz
 dA+L10TeYt9BgDfQNZtKdN1WO//KgIqXP7OdEFE4LjFYNcUxZQ4FADY+8=
From: Joe SixPack <joe@football.example.com>
To: Suzie Q <suzie@shopping.example.net>
Subject: Is dinner ready?
Date: Fri, 11 Jul 2003 21:00:37 -0700 (PDT)
Message-ID: <20030712040037.46341.5F8J@football.example.com>

Hi.

We lost the game.  Are you hungry yet?

Joe.
""".replace(b"\n", b"\r\n")
RFC_8463_KEYS = {
    "brisbane": b"v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=",
    "test": b"v=DKIM1; k=rsa; p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDkHlOQoBTzWRiGs5V6NpP3idY6Wk08a5qhdR6wy5bdOKb2jLQ"
    b"iY/J16JYi0Qvx/byYzCNb3W91y3FutACDfzwQ/BC/e/8uBsCR+yz1Lxj+PL6lHvqMKrM3rG4hstT5QjvHO9PzoxZyVYLzBfO2EeC3Ip3G+2kryOT"
    b"IKT+l/K4w3QIDAQAB",
}


def test_rfc_8463() -> None:
    facts = read(RFC_8463)
    found = signatures(RFC_8463, facts)
    assert [signature.selector for signature in found] == list(RFC_8463_KEYS)
    for signature in found:
        key = read_key(RFC_8463_KEYS[signature.selector])
        assert isinstance(key, Key)
        assert verify(RFC_8463, facts, signature, key, NOW) is Finding.VALID
    assert found[0].body_hash == b64decode("2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=")
