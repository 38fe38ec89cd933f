"""An authority's answer is a certificate for what was asked, or a Trouble; a Retry-After is seconds of this life."""

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from queue_worker.acme import authority, paper
from queue_worker.acme.trouble import Trouble

from shared.policy.certificates import JITTER, LONGEST, is_fit, retry_after
from tests.certificates import Authority

NAMES = ["mail.a.test"]
LEAF = Authority().issue(*NAMES)
PEM = LEAF.pem.decode()
KEY = paper.make_key()
NOW = datetime.now(UTC)


@settings(max_examples=300, deadline=None)
@given(
    st.one_of(
        st.text(max_size=300),
        st.builds(
            lambda at, what: PEM[:at] + what + PEM[at + len(what) :], st.integers(0, len(PEM)), st.text(max_size=20)
        ),
    )
)
def test_a_chain_is_good_or_trouble(chain: str) -> None:
    with pytest.raises(Trouble, match="bad certificate"):  # the key is another's
        paper.look_at(chain, KEY, NAMES, NOW)


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=60), st.integers(0, 10**6), st.floats(0, 1, exclude_max=True), st.text(max_size=20))
def test_no_header_keeps_us_away_for_ever(header: str, failures: int, chance: float, word: str) -> None:
    seconds = retry_after(word, failures, chance, authority._seconds(header))
    assert 0 < seconds <= LONGEST * (1 + JITTER)


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=80))
def test_a_fit_name_can_be_asked_for(name: str) -> None:
    if is_fit(name):
        assert paper.make_request(KEY, [name])
