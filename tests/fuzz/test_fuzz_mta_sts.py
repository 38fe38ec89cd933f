"""Invariant: any octets are a valid Policy or None, any records an id of 1 to 32 letters and digits or None.

A valid Policy has a known mode, an age of at most a year, exchangers unless its mode is none, and covers a host only if
it names the host or its parent's wildcard.
"""

from hypothesis import given, settings
from hypothesis import strategies as st

from shared.policy.mta_sts import LONGEST, read_policy, read_record

PIECES = st.sampled_from(
    [
        b"version: STSv1\n",
        b"mode: enforce\r\n",
        b"mode: testing\n",
        b"mode: none\n",
        b"mx: a.test\n",
        b"mx: *.b.test\n",
        b"mx: *\n",
        b"max_age: 86400\n",
        b"max_age: 99999999999\n",
        b"x: y\n",
        b"\n",
        b"\xff",
        b": ",
    ]
)
FIELDS = st.sampled_from([b"v=STSv1", b";", b" ", b"id=", b"a1", b"x=y", b"=", b"\t", b"\n", b"\xff", b"-"])


@settings(max_examples=500, deadline=None)
@given(st.one_of(st.binary(max_size=100), st.lists(PIECES, max_size=9).map(b"".join)), st.text(max_size=20))
def test_policies(octets: bytes, host: str) -> None:
    policy = read_policy(octets)
    if policy is not None:
        assert policy.mode in ("enforce", "testing", "none")
        assert 0 <= policy.max_age <= LONGEST
        assert policy.mx or policy.mode == "none"
        for name in (host, "a.test", "x.b.test", "x.y.b.test", "b.test"):
            folded = name.lower().removesuffix(".")
            expected = {folded, f"*.{folded.partition('.')[2]}"} & policy.mx
            assert policy.covers(name) == bool(expected and folded.partition(".")[0])


@settings(max_examples=500, deadline=None)
@given(st.lists(st.one_of(st.binary(max_size=60), st.lists(FIELDS, max_size=12).map(b"".join)), max_size=4))
def test_records(records: list[bytes]) -> None:
    identity = read_record(records)
    if identity is not None:
        assert identity.isascii()
        assert identity.isalnum()
        assert 1 <= len(identity) <= 32
        assert sum(record.startswith(b"v=STSv1") for record in records) >= 1
