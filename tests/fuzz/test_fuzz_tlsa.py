"""DANE never lets junk through and never falls over it.

Invariants: whatever the records and whatever the server shows, the answer is yes or no; it is yes only for a true
record and the server's own key; a true record fits whatever stands beside it.
"""

import datetime

from cryptography import x509
from hypothesis import given, settings
from hypothesis import strategies as st
from queue_worker.transport import tlsa

from shared.dns.answer import Tlsa
from tests.certificates import Authority

ROOT = Authority("Root")
LEAF = ROOT.issue("mx.a.test", shows_root=True)
NOW = datetime.datetime.now(datetime.UTC)
TRUE = [
    Tlsa(*(int(part) for part in text.split()[:3]), bytes.fromhex(text.split()[3]))
    for text in (
        [LEAF.tlsa(3, selector, matching) for selector in (0, 1) for matching in (0, 1, 2)]
        + [ROOT.tlsa(2, selector, matching) for selector in (0, 1) for matching in (0, 1, 2)]
    )
]
NUMBERS = st.integers(0, 255) | st.integers(0, 3)
JUNK = st.builds(Tlsa, NUMBERS, NUMBERS, NUMBERS, st.binary(max_size=80) | st.just(bytes(32)) | st.just(bytes(64)))
SHOWN = st.lists(
    st.binary(max_size=60) | st.sampled_from(LEAF.der) | st.sampled_from(LEAF.der).map(lambda der: der[:-1] + b"\0"),
    max_size=4,
)


@settings(max_examples=200, deadline=None)
@given(st.lists(JUNK | st.sampled_from(TRUE), max_size=6), SHOWN, st.text(max_size=20))
def test_junk_never_fits(records: list[Tlsa], shown: list[bytes], name: str) -> None:
    good = tlsa.usable(records)
    is_fit = tlsa.matches(good, shown, [name, "mx.a.test"], NOW)
    assert is_fit in (True, False)
    if is_fit:
        assert any(record in TRUE for record in good)
        assert x509.load_der_x509_certificate(shown[0]).public_key() == LEAF.key.public_key()


@settings(max_examples=100, deadline=None)
@given(st.lists(JUNK, max_size=6), st.sampled_from(TRUE))
def test_the_truth_fits_among_junk(junk: list[Tlsa], truth: Tlsa) -> None:
    # A junk authority of usage 2 in full may be no certificate; the zone's owner has written it.
    records = [record for record in junk if (record.usage, record.selector, record.matching) != (2, 0, 0)]
    assert tlsa.matches(tlsa.usable([*records, truth]), LEAF.der, ["mx.a.test"], NOW)
    assert not tlsa.matches(tlsa.usable(records), LEAF.der, ["mx.a.test"], NOW)
