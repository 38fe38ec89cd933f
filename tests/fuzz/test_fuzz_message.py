"""Invariant: no change to an encrypted message brings a word of cleartext through the gate and the minimiser.

Mail from elsewhere may have a Version line besides, and no words in it. Reading never raises, whatever the octets; what
passes is encrypted to an independent reader too; minimising and tidying keep the body and the verdict.
"""

from hypothesis import given, settings
from hypothesis import strategies as st

from shared.mail.hygiene import KEPT_OF_STRANGERS, minimise, tidy
from shared.mail.message import read
from tests.gate import oracle
from tests.gate.corpus import DATA
from tests.gate.recipe import CANARY

BASES = [
    (DATA / "core" / f"{name}.eml").read_bytes()
    for name in ("2.65-01-securejoin", "2.65-05-text", "2.22-01-securejoin", "2.22-05-text")
]
WORDS = st.sampled_from(
    [CANARY, b"\r\n" + CANARY + b"\r\n", b"X: " + CANARY + b"\r\n", b"--", b"\r\n\r\n" + CANARY, b'"' + CANARY + b'"']
)
# Header values may hold words where a reader needs the field.
SPEAKING = (
    b"from",
    b"to",
    b"cc",
    b"date",
    b"message-id",
    b"in-reply-to",
    b"references",
    b"autocrypt",
    b"auto-submitted",
)


@settings(max_examples=900, deadline=None, derandomize=True)
@given(st.sampled_from(BASES), st.floats(0, 1), st.integers(0, 40), WORDS)
def test_words_anywhere(base: bytes, where: float, cut: int, words: bytes) -> None:
    at = int(where * len(base))
    raw = base[:at] + words + base[at + cut :]
    facts = read(raw)
    if facts.is_malformed or not (facts.is_encrypted or facts.is_securejoin):
        return
    clean = minimise(raw, facts)
    after = read(clean)
    assert (after.is_encrypted, after.is_securejoin) == (facts.is_encrypted, facts.is_securejoin)
    assert clean.endswith(raw[facts.header_size :])
    told = [field.name for field in after.fields if CANARY in clean[field.start : field.end]]
    assert all(name in SPEAKING or name.startswith((b"chat-", b"secure-join-")) for name in told)
    assert CANARY not in clean[after.header_size :]
    assert facts.is_securejoin or oracle.is_encrypted(raw)


OLD = [base.replace(b"MESSAGE-----\r\n", b"MESSAGE-----\r\nVersion: GnuPG v1\r\n", 1) for base in BASES[1::2]]


@settings(max_examples=400, deadline=None, derandomize=True)
@given(st.sampled_from(OLD), st.floats(0, 1), st.integers(0, 40), WORDS)
def test_words_anywhere_in_mail_with_a_version_line(base: bytes, where: float, cut: int, words: bytes) -> None:
    at = int(where * len(base))
    raw = base[:at] + words + base[at + cut :]
    facts = read(raw)
    if facts.is_malformed or not (facts.is_encrypted or facts.is_old_encrypted):
        return
    clean = tidy(raw, facts)
    after = read(clean)
    assert (after.is_encrypted, after.is_old_encrypted) == (facts.is_encrypted, facts.is_old_encrypted)
    assert clean.endswith(raw[facts.header_size :])
    assert CANARY not in clean[after.header_size :]
    told = [field.name for field in after.fields if CANARY in clean[field.start : field.end]]
    assert all(name in (*SPEAKING, *KEPT_OF_STRANGERS) or name.startswith((b"chat-", b"secure-join-")) for name in told)


@settings(max_examples=250, deadline=None, derandomize=True)
@given(st.one_of(st.binary(max_size=200), st.sampled_from(BASES)), st.integers(0, 6000), st.binary(max_size=5))
def test_never_raises(base: bytes, at: int, junk: bytes) -> None:
    raw = base[:at] + junk + base[at + len(junk) :]
    facts = read(raw)
    assert 0 <= facts.header_size <= len(raw)
    if not facts.is_malformed:
        assert minimise(raw, facts).endswith(raw[facts.header_size :])
        assert tidy(raw, facts).endswith(raw[facts.header_size :])
