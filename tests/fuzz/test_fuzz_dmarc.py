"""Invariant: whatever a domain publishes, DMARC objects only if one record, and one alone, plainly says so.

The judge of "plainly" is a second reader of a few lines; the first must never see a policy where it sees none.
"""

import re

from hypothesis import given, settings
from hypothesis import strategies as st

from shared.inbound.dmarc import Policy, organisation, read

PIECE = st.sampled_from(
    [
        *(b"v=DMARC1", b"v", b"=", b";", b" ", b"\t", b"p=reject", b"p=none", b"p=quarantine", b"P", b"p", b"reject"),
        *(b"sp=none", b"sp=reject", b"sp=", b"adkim=s", b"aspf=s", b"aspf=r", b"pct=0", b"t=y", b"rua=mailto:a@b.c"),
        *(b"\0", b"\xff", b"DMARC1", b"dmarc1", b"none", b"\\;", b'"'),
    ]
)
TEXTS = st.one_of(
    st.binary(max_size=60),
    st.lists(PIECE, max_size=12).map(b"".join),
    st.lists(PIECE, max_size=12).map(lambda pieces: b"v=DMARC1;" + b"".join(pieces)),
    st.lists(PIECE, max_size=12).map(lambda pieces: b"v=DMARC1;" + b";".join(pieces)),
)
LABEL = st.text("abco", min_size=1, max_size=3)
NAMES = st.lists(LABEL, min_size=1, max_size=5).map(lambda labels: ".".join([*labels, "co.uk"]))


@settings(max_examples=1500, deadline=None, derandomize=True)
@given(TEXTS)
def test_against_another_reader(text: bytes) -> None:
    record = read(text)
    if record is None:
        return
    assert re.match(rb"v\s*=\s*DMARC1\s*;", text)
    named = [part.partition(b"=") for part in text.split(b";") if b"=" in part]
    said = [value.strip().lower().decode() for name, _, value in named if name.strip().lower() == b"p"]
    assert len(said) == 1
    assert record.policy in (said[0], "none")
    assert record.policy == said[0] or b"y" in text
    assert record.below in ("none", "quarantine", "reject")


@settings(max_examples=300, deadline=None, derandomize=True)
@given(NAMES, NAMES)
def test_alignment_is_mutual_and_strict_is_narrower(one: str, other: str) -> None:
    assert organisation(organisation(one)) == organisation(one)
    assert one == organisation(one) or one.endswith("." + organisation(one))
    loose = [Policy(name, True, is_dkim_strict=False, is_spf_strict=False) for name in (one, other)]
    assert loose[0].is_aligned_by_dkim(other) == loose[1].is_aligned_by_dkim(one)
    strict = Policy(one, True, is_dkim_strict=True, is_spf_strict=True)
    assert not strict.is_aligned_by_spf(other) or loose[0].is_aligned_by_spf(other)
