"""MTA-STS: what counts as a promise, and whom it covers."""

import pytest

from shared.policy.mta_sts import LONGEST, MAX_POLICY, Policy, policy_id, read_policy, read_record, write

GOOD = "version: STSv1\nmode: enforce\nmx: mx.a.test\nmax_age: 86400\n"


def test_our_own_policy_reads_back() -> None:
    assert read_policy(write("mx.a.test").encode()) == Policy("enforce", frozenset({"mx.a.test"}), 604_800)


def test_the_id_stands_for_the_text() -> None:
    one, other = policy_id(write("mx.a.test")), policy_id(write("mx.b.test"))
    assert one == policy_id(write("mx.a.test")) != other
    assert read_record([f"v=STSv1; id={one};".encode()]) == one


@pytest.mark.parametrize(
    ("records", "identity"),
    [
        ([b"v=STSv1; id=20160831085700Z;"], "20160831085700Z"),
        ([b"v=STSv1;id=1"], "1"),
        ([b"v=STSv1 ; \t id=a1 ; x=y; \t"], "a1"),
        ([b"v=STSv1; id=1; id=2;"], "1"),
        ([b"v=spf1 -all", b"v=STSv1; id=1;"], "1"),
        ([], None),
        ([b"v=STSv1; id=1;", b"v=STSv1; id=2;"], None),
        ([b"v=STSv1; id=1;", b"v=STSv1; junk"], None),
        ([b"v=STSv1"], None),
        ([b"v=STSv1;"], None),
        ([b"v=STSv1; x=1"], None),
        ([b"v=STSv1; id=a-b;"], None),
        ([b"v=STSv1; id=;"], None),
        ([b"v=STSv1;; id=1;"], None),
        ([b"v=STSv1; id=" + b"a" * 33], None),
        ([b"v=STSv2; id=1;"], None),
        ([b" v=STSv1; id=1;"], None),
        ([b"v=stsv1; id=1;"], None),
        ([b"v=STSv1; id=1\n;"], None),
    ],
)
def test_records(records: list[bytes], identity: str | None) -> None:
    assert read_record(records) == identity


@pytest.mark.parametrize(
    ("text", "policy"),
    [
        (GOOD, Policy("enforce", frozenset({"mx.a.test"}), 86400)),
        (GOOD.replace("\n", "\r\n"), Policy("enforce", frozenset({"mx.a.test"}), 86400)),
        (GOOD.rstrip(), Policy("enforce", frozenset({"mx.a.test"}), 86400)),
        (GOOD + "mx: *.B.test.\n", Policy("enforce", frozenset({"mx.a.test", "*.b.test"}), 86400)),
        (GOOD.replace("enforce", "testing"), Policy("testing", frozenset({"mx.a.test"}), 86400)),
        (GOOD + "x: a" + " " * 6_000 + "b\n", Policy("enforce", frozenset({"mx.a.test"}), 86400)),
        (GOOD.replace("test\n", "test \t\n"), Policy("enforce", frozenset({"mx.a.test"}), 86400)),
        (GOOD.replace(": ", ":\t"), Policy("enforce", frozenset({"mx.a.test"}), 86400)),
        (GOOD + "mode: none\nnew: thing\n\n", Policy("enforce", frozenset({"mx.a.test"}), 86400)),
        ("version: STSv1\nmode: none\nmax_age: 1", Policy("none", frozenset(), 1)),
        (GOOD.replace("86400", "9999999999"), Policy("enforce", frozenset({"mx.a.test"}), LONGEST)),
    ],
)
def test_policies(text: str, policy: Policy) -> None:
    assert read_policy(text.encode()) == policy


@pytest.mark.parametrize(
    "text",
    [
        "",
        "<html>Not found</html>",
        GOOD.replace("STSv1", "STSv2"),
        GOOD.replace("version: STSv1\n", ""),
        GOOD.replace("enforce", "Enforce"),
        GOOD.replace("mode: enforce\n", ""),
        GOOD.replace("mx: mx.a.test\n", ""),
        GOOD.replace("mx.a.test", "mx.*.test"),
        GOOD.replace("mx.a.test", "*"),
        GOOD.replace("mx.a.test", "192.0.2.1 x"),
        GOOD.replace("max_age: 86400\n", ""),
        GOOD.replace("86400", "-1"),
        GOOD.replace("86400", "10000000000"),
        GOOD.replace("86400", "٣"),
        GOOD + "junk\n",
        GOOD + "x: " + "y" * MAX_POLICY,
    ],
)
def test_what_is_no_policy(text: str) -> None:
    assert read_policy(text.encode()) is None


@pytest.mark.parametrize(
    ("host", "is_covered"),
    [
        ("mx.a.test", True),
        ("MX.A.test.", True),
        ("a.test", False),
        ("x.mx.a.test", False),
        ("one.b.test", True),
        ("b.test", False),
        ("two.one.b.test", False),
        (".b.test", False),
        ("", False),
    ],
)
def test_whom_a_policy_covers(host: str, is_covered: bool) -> None:
    assert Policy("enforce", frozenset({"mx.a.test", "*.b.test"}), 1).covers(host) is is_covered
