import random
import secrets
from collections import Counter
from itertools import chain

import pytest

from shared.address import Address
from shared.policy.accounts import RESERVED, Judgement, Rules, judge, judge_name, judge_password, mint

RULES = Rules(8, 32, 8, frozenset({"example.org", "[127.0.0.1]"}))


@pytest.mark.parametrize(
    ("local", "judgement"),
    [
        pytest.param("abcdefghi", Judgement.ACCEPTED, id="as Delta Chat invents it"),
        pytest.param("a.b_c-d9", Judgement.ACCEPTED, id="every kind of character, the shortest"),
        pytest.param("a" * 32, Judgement.ACCEPTED, id="the longest"),
        pytest.param("a" * 7, Judgement.TOO_SHORT, id="one too short"),
        pytest.param("a" * 33, Judgement.TOO_LONG, id="one too long"),
        pytest.param("", Judgement.BAD_CHARACTERS, id="empty"),
        pytest.param("ABCDEFGHI", Judgement.BAD_CHARACTERS, id="capitals, which an address never has"),
        pytest.param("abcd+efgh", Judgement.BAD_CHARACTERS, id="plus"),
        pytest.param("abcdefgh\n", Judgement.BAD_CHARACTERS, id="newline at the end"),
        pytest.param("äbcdefghi", Judgement.BAD_CHARACTERS, id="umlaut"),
        pytest.param("postmaster", Judgement.RESERVED, id="reserved"),
        pytest.param("root", Judgement.RESERVED, id="reserved comes before too short"),
    ],
)
def test_names(local: str, judgement: Judgement) -> None:
    assert judge_name(Address(local, "example.org"), RULES) is judgement


def test_the_domain_must_be_ours() -> None:
    assert judge_name(Address("abcdefghi", "example.net"), RULES) is Judgement.FOREIGN_DOMAIN
    assert judge_name(Address("abcdefghi", "[127.0.0.1]"), RULES) is Judgement.ACCEPTED


@pytest.mark.parametrize("local", sorted(RESERVED))
def test_reserved_names_are_the_operators(local: str) -> None:
    address = Address(local, "example.org")
    assert judge_name(address, RULES) is Judgement.RESERVED
    assert judge_name(address, RULES, may_be_reserved=True) is Judgement.ACCEPTED


def test_the_operator_keeps_to_the_rule_for_other_names() -> None:
    assert judge_name(Address("short", "example.org"), RULES, may_be_reserved=True) is Judgement.TOO_SHORT


@pytest.mark.parametrize(
    ("password", "judgement"),
    [
        pytest.param("p" * 8, Judgement.ACCEPTED, id="the shortest"),
        pytest.param("p" * 128, Judgement.ACCEPTED, id="the longest"),
        pytest.param("p" * 7, Judgement.WEAK_PASSWORD, id="too short"),
        pytest.param("p" * 129, Judgement.LONG_PASSWORD, id="too long"),
        pytest.param("ü" * 65, Judgement.LONG_PASSWORD, id="octets count, not characters"),
        pytest.param("ü" * 4, Judgement.ACCEPTED, id="eight octets"),
        pytest.param("pass word \U0001f511", Judgement.ACCEPTED, id="spaces and pictures"),
        pytest.param("password\0", Judgement.BAD_PASSWORD, id="NUL"),
        pytest.param("password\x9f", Judgement.BAD_PASSWORD, id="C1 control"),
        pytest.param("password\udc80", Judgement.BAD_PASSWORD, id="lone surrogate"),
    ],
)
def test_passwords(password: str, judgement: Judgement) -> None:
    assert judge_password(password, RULES) is judgement


def test_both_are_judged() -> None:
    address = Address("abcdefghi", "example.org")
    assert judge(address, "long enough", RULES) is Judgement.ACCEPTED
    assert judge(address, "short", RULES) is Judgement.WEAK_PASSWORD
    assert judge(Address("root", "example.org"), "short", RULES) is Judgement.RESERVED


@pytest.mark.parametrize(
    ("shortest", "longest", "length"), [(8, 32, 9), (9, 9, 9), (12, 32, 12), (4, 6, 6), (1, 64, 9)]
)
def test_minted_names_fit_the_rules(shortest: int, longest: int, length: int) -> None:
    rules = Rules(shortest, longest, 8, frozenset({"example.org"}))
    minted = mint(secrets.token_bytes, rules)
    assert len(minted.local) == length
    assert len(minted.password) == 22
    assert judge(Address(minted.local, "example.org"), minted.password, rules) is Judgement.ACCEPTED


def test_minted_passwords_follow_a_longer_rule() -> None:
    assert len(mint(secrets.token_bytes, Rules(8, 32, 40, frozenset())).password) == 40


def test_a_reserved_name_is_never_minted() -> None:
    letters = "abcdefghijklmnopqrstuvwxyz0123456789"
    webmaster = bytes(map(letters.index, "webmaster"))
    drawn = iter([webmaster, webmaster, bytes(9)])
    minted = mint(lambda count: next(drawn, bytes(count)), RULES)
    assert minted.local == "aaaaaaaaa"


def test_octets_that_would_favour_a_letter_are_thrown_away() -> None:
    # 252 is the first octet beyond seven whole alphabets of 36: taken modulo 36 it would be an "a".
    drawn = iter([bytes([252] * 8 + [1]), bytes([2] * 9)])
    assert mint(lambda count: next(drawn, bytes(count)), RULES).local == "b" + "c" * 8


def test_minting_is_flat_and_without_repetition() -> None:
    # W7, from a seed: the result is the same in every run.
    names, letters = set(), Counter[str]()
    draw = random.Random(7).randbytes
    for _ in range(20_000):
        minted = mint(draw, RULES)
        names.add(minted)
        letters.update(chain(minted.local, minted.password.lower()))
    assert len(names) == 20_000
    # 9 of 36 letters from a name; of a password's 62, letters count twice once folded, digits once.
    expected = {letter: 20_000 * (9 / 36 + 22 * (1 if letter.isdigit() else 2) / 62) for letter in letters}
    chi = sum((letters[letter] - expected[letter]) ** 2 / expected[letter] for letter in letters)
    assert len(letters) == 36
    assert chi < 70  # 35 degrees of freedom; one fair source in two thousand is above
