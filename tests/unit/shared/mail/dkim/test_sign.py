"""What our signatures look like, what they cover, and that our own verifier holds them."""

from pathlib import Path

import pytest

from shared.mail.dkim.judge import Judgement, aligned, judge
from shared.mail.dkim.private import load
from shared.mail.dkim.sign import Signer
from shared.mail.headers import scan
from shared.mail.hygiene import minimise
from shared.mail.message import read
from tests.dkim.recipe import DOMAIN, MESSAGE, NOW, pem, record

CORE = sorted((Path(__file__).parents[4] / "data/gate/core").glob("*.eml"))
KEYS = {"default": load(pem()), "ed25519": load(pem("ed25519"))}
ANSWERS = {
    f"default._domainkey.{DOMAIN}": [record()],
    f"ed25519._domainkey.{DOMAIN}": [record("ed25519")],
}
BODIES = {
    "empty": b"",
    "line-end": b"\r\n",
    "many-empty-lines": b"a\r\n" + b"\r\n" * 1000,
    "no-final-line-end": b"a",
    "white-space": b" a \t b \r\n \r\n",
}
ADDED = [
    *(b"From: x@e.example", b"Reply-To: x@e.example", b"Subject: x", b"To: x@e.example", b"Cc: x@e.example"),
    *(b"Date: Sun, 22 Nov 2026 10:00:01 +0000", b"In-Reply-To: <x@e.example>", b"References: <x@e.example>"),
    *(b"List-Id: <x.example>", b"List-Post: <mailto:x@e.example>", b"List-Unsubscribe: <https://e.example>"),
    *(b"Autocrypt: addr=x; keydata=AAAA", b"Content-Type: text/html", b"Content-Transfer-Encoding: base64"),
    *(b"MIME-Version: 2.0", b"Resent-From: x@e.example", b"Resent-To: x@e.example"),
]


def sealed(raw: bytes, keys: tuple[str, ...] = ("default", "ed25519"), domain: str = DOMAIN) -> bytes:
    signer = Signer(domain, {selector: KEYS[selector] for selector in keys})
    return signer.sign(raw, scan(memoryview(raw)), NOW) + raw


def judged(raw: bytes) -> Judgement:
    facts = read(raw)
    return judge(raw, facts, aligned(raw, facts, DOMAIN), ANSWERS, NOW)


@pytest.mark.parametrize("path", CORE, ids=lambda path: path.stem)
def test_real_messages(path: Path) -> None:
    raw = path.read_bytes()
    for message in (raw, minimise(raw, read(raw))):
        for keys in (("default",), ("ed25519",), ("default", "ed25519")):
            assert judged(sealed(message, keys)) is Judgement.VALID
        assert judged(sealed(message) + b".\r\n") is Judgement.INVALID


@pytest.mark.parametrize("name", BODIES)
def test_bodies(name: str) -> None:
    raw = b"From: a@d.example\r\n\r\n" + BODIES[name]
    assert judged(sealed(raw)) is Judgement.VALID


def test_a_long_message() -> None:
    raw = b"From: a@d.example\r\n\r\n" + b"x \r\n" * 200_000
    assert judged(sealed(raw)) is Judgement.VALID
    assert judged(sealed(raw).replace(b"x \r\n", b"y \r\n", 1)) is Judgement.INVALID


@pytest.mark.parametrize("name", [field.partition(b":")[0].decode() for field in ADDED])
@pytest.mark.parametrize("is_on_top", [True, False], ids=["above", "below"])
def test_no_field_can_be_added(name: str, is_on_top: bool) -> None:
    added = next(field for field in ADDED if field.startswith(name.encode() + b":")) + b"\r\n"
    raw = sealed(b"From: a@d.example\r\n\r\nbody\r\n")
    changed = added + raw if is_on_top else raw.replace(b"\r\n\r\n", b"\r\n" + added + b"\r\n")
    assert judged(changed) is Judgement.INVALID


def test_oversigned_beyond_our_own_rules() -> None:
    """Verifiers that take what we call malformed or ambiguous must not hold our signature either."""
    field = sealed(MESSAGE, ("default",)).partition(b"\r\nFrom:")[0].replace(b"\r\n\t", b"")
    names = field.partition(b"h=")[2].partition(b";")[0].split(b":")
    for added in ADDED:
        name = added.partition(b":")[0].lower()
        assert names.count(name) == (b"\r\n" + MESSAGE.lower()).count(b"\r\n" + name + b":") + 1, name


def test_all_but_what_changes_under_way_is_signed() -> None:
    raw = b"X-Odd: 1\r\nReceived: x\r\nChat-Version: 1.0\r\nx-odd: 2\r\nReturn-Path: <>\r\nBcc: y\r\nA;B: 1\r\n"
    raw += b"From: a@d.example\r\n\r\n"
    (signature,) = aligned(sealed(raw, ("default",)), read(sealed(raw, ("default",))), DOMAIN)
    assert signature.signed.count(b"x-odd") == 2
    assert signature.signed.count(b"chat-version") == 1
    assert not {b"received", b"return-path", b"bcc", b"dkim-signature", b"a;b"} & set(signature.signed)
    assert judged(sealed(raw)) is Judgement.VALID


def test_one_input_one_output() -> None:
    assert sealed(MESSAGE) == sealed(MESSAGE)
    with memoryview(bytearray(MESSAGE)) as view:
        assert Signer(DOMAIN, KEYS).sign(view, scan(view), NOW) + MESSAGE == sealed(MESSAGE)


def test_rsa_on_top_and_no_length() -> None:
    raw = sealed(MESSAGE)
    facts = read(raw)
    found = aligned(raw, facts, DOMAIN)
    assert [(one.selector, one.algorithm, one.signed_at) for one in found] == [
        ("default", "rsa", NOW),
        ("ed25519", "ed25519", NOW),
    ]
    assert all(one.is_header_relaxed and one.is_body_relaxed for one in found)


@pytest.mark.parametrize("domain", [DOMAIN, "d", ".".join(["long-label"] * 20)])
def test_folding(domain: str) -> None:
    fields = sealed(MESSAGE, domain=domain)[: -len(MESSAGE)]
    assert fields.endswith(b"\r\n")
    lines = fields.split(b"\r\n")[:-1]
    assert all(line.startswith((b"DKIM-Signature: v=1;", b"\t")) and line == line.rstrip() for line in lines)
    assert all(len(line) <= 76 or b"d=long-label" in line for line in lines)
    assert not scan(memoryview(fields + b"\r\n")).is_malformed


def test_malformed() -> None:
    with pytest.raises(ValueError, match="malformed"):
        sealed(b"From : a@d.example\r\n\r\n")
