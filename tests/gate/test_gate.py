"""The gate against real mail and against everything made of it: no cleartext in, no genuine message refused.

Every verdict is held against a second reader (oracle.py). Where the gate is stricter than that reader, the mutant
names its reason; where it is more lenient, that is a hole.
"""

import pytest
from pysequoia import encrypt

from shared.mail.hygiene import minimise, tidy
from shared.mail.message import read
from shared.policy.gate import judge, judge_stranger
from shared.policy.verdict import Accept
from tests.gate import corpus, oracle
from tests.gate.recipe import CANARY, Recipe

GENUINE = list(corpus.genuine())
REFUSED = list(corpus.refused())
MUTANTS = list(corpus.mutants())
KINDS = ("P1", "P2", "P3", "P4", "P5", "P6", "P7", "P8", "P9", "P10", "P11", "P12", "P13", "P14", "M")


def passes(raw: bytes) -> bool:
    return isinstance(judge(read(raw)), Accept)


def passes_from_elsewhere(raw: bytes) -> bool:
    return isinstance(judge_stranger(read(raw), len(raw), may_be_plain=False), Accept)


def test_corpus_is_large_and_of_every_kind() -> None:
    assert len(GENUINE) >= 150
    assert sum(name.startswith("2.") for name, _ in GENUINE) >= 60  # straight from Delta Chat cores
    assert len(GENUINE) + len(REFUSED) + len(MUTANTS) >= 1000
    assert {mutant.name.split("-")[0] for _, _, mutant in MUTANTS} == set(KINDS)
    assert len({name for name, _, _ in MUTANTS}) == len(MUTANTS)
    assert len({raw for _, raw, _ in MUTANTS}) > 0.9 * len(MUTANTS)


def test_no_genuine_message_is_refused() -> None:
    assert [name for name, raw in GENUINE if not passes(raw)] == []


def test_every_genuine_message_has_an_author() -> None:
    assert [name for name, raw in GENUINE if read(raw).author is None] == []


def test_oracle_knows_every_genuine_message() -> None:
    strange = [name for name, raw in GENUINE if not oracle.is_encrypted(raw) and not read(raw).is_securejoin]
    # The oracle has no list of known preambles, and says no to any.
    assert [name for name in strange if not name.endswith(("-thunderbird", "-apple"))] == []


@pytest.mark.parametrize(("name", "raw", "why"), REFUSED, ids=[name for name, _, _ in REFUSED])
def test_files_of_refused_mail(name: str, raw: bytes, why: str) -> None:
    assert why.strip()
    assert not passes(raw)


def test_no_mutant_with_cleartext_passes() -> None:
    assert [name for name, raw, mutant in MUTANTS if not mutant.is_accepted and passes(raw)] == []


def test_no_honest_variation_is_refused() -> None:
    assert [name for name, raw, mutant in MUTANTS if mutant.is_accepted and not passes(raw)] == []


# A lone Version line, and mail that a mail system says it could not deliver, are let in from elsewhere alone.
OLD = "P6-version of"


def test_from_elsewhere_the_same_passes_but_for_a_version_line() -> None:
    assert [name for name, raw in GENUINE if not passes_from_elsewhere(raw)] == []
    assert [name for name, raw, _ in REFUSED if passes_from_elsewhere(raw) and name != "05-bounce"] == []
    differing = [name for name, raw, _ in MUTANTS if passes(raw) != passes_from_elsewhere(raw)]
    assert differing
    assert [name for name in differing if not name.startswith(OLD)] == []


def test_nothing_else_that_speaks_passes_from_elsewhere() -> None:
    for line in (b"Version: " + CANARY, b"Comment: x", b"Version: a\r\nVersion: b", b"Version: a\r\nComment: b"):
        for name, raw in GENUINE:
            spoken = raw.replace(b"MESSAGE-----\r\n\r\n", b"MESSAGE-----\r\n" + line + b"\r\n\r\n", 1)
            assert spoken == raw or not passes_from_elsewhere(spoken), name


def test_tidied_mail_still_passes() -> None:
    assert [name for name, raw in GENUINE if not passes(tidy(raw, read(raw)))] == []


def test_what_passes_is_encrypted_to_the_oracle_too() -> None:
    passed = [(name, raw) for name, raw, _ in MUTANTS if passes(raw) and "known-preamble" not in name]
    assert [name for name, raw in passed if not oracle.is_encrypted(raw)] == []


def test_what_is_refused_is_no_encrypted_message_or_has_a_reason() -> None:
    doubtful = [(name, raw) for name, raw, mutant in MUTANTS if not mutant.is_accepted and not mutant.why]
    assert [name for name, raw in doubtful if oracle.is_encrypted(raw)] == []


def test_cleartext_in_the_outer_header_stays_behind() -> None:
    told = [(name, raw) for name, raw, mutant in MUTANTS if mutant.is_accepted and CANARY in raw]
    assert len(told) >= 70
    assert [name for name, raw in told if CANARY in minimise(raw, read(raw))] == []


def test_minimised_mail_still_passes() -> None:
    assert [name for name, raw in GENUINE if not passes(minimise(raw, read(raw)))] == []


@pytest.mark.parametrize("size", [1 << 18, 1_500_000])
def test_large_message_with_partial_lengths_from_a_library(size: int) -> None:
    armor = encrypt(bytes(size), passwords=["one"]).replace(b"\n", b"\r\n")
    raw = Recipe(b"", second=armor).render()
    assert passes(raw)
    middle = len(raw) // 2
    for wrong in (b"!", b"=", b"-----END PGP MESSAGE-----"):
        assert not passes(raw[:middle] + wrong + raw[middle + len(wrong) :])
    assert not passes(raw[:middle] + raw[middle + 4 :])
