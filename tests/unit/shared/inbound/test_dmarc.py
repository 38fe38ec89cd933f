"""DMARC records: read, found, and what they ask for."""

from typing import cast

import pytest

from shared.dns.answer import LookupFailed
from shared.dns.resolver import Resolver
from shared.inbound.dmarc import Policy, Record, discover, organisation, read


class Texts:
    def __init__(self, **texts: list[bytes] | None) -> None:
        self._texts = {name.replace("__", "."): found for name, found in texts.items()}
        self.asked: list[str] = []

    async def txt(self, name: str) -> list[bytes]:
        self.asked.append(name)
        found = self._texts.get(name.removeprefix("_dmarc."), [])
        if found is None:
            raise LookupFailed
        return found


async def find(domain: str, **texts: list[bytes] | None) -> Policy | None:
    return await discover(cast(Resolver, Texts(**texts)), domain)


def record(policy: str, below: str = "", modes: str = "rr") -> Record:
    return Record(policy, below or policy, is_dkim_strict=modes[0] == "s", is_spf_strict=modes[1] == "s")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"v=DMARC1; p=none", record("none")),
        (b"v=DMARC1; p=quarantine;", record("quarantine")),
        (b"v=DMARC1;p=reject;sp=none", record("reject", "none")),
        (b"v = DMARC1 ; p = Reject ; aspf = S", record("reject", modes="rs")),
        (b"v=DMARC1; p=reject; adkim=s; aspf=s; rua=mailto:a@b.example", record("reject", modes="ss")),
        (b"v=DMARC1; rua=mailto:a@b.example; p=reject", record("reject")),
        (b"v=DMARC1; p=reject; pct=0", record("reject")),
        (b"v=DMARC1; p=reject; pct=nonsense; fo=1:d; new=tag", record("reject")),
        (b"v=DMARC1; p=reject; adkim=x", record("reject")),
        (b"v=DMARC1; p=reject; junk; =; ;;", record("reject")),
        (b"v=DMARC1; p=reject; t=y", record("none")),
        (b"v=DMARC1; p=reject; t=n", record("reject")),
        (b"v=DMARC1; p=reject; x=\xff", record("reject")),
        (b"", None),
        (b"v=DMARC1", None),
        (b"v=DMARC1; p=", None),
        (b"v=DMARC1; p=maybe", None),
        (b"v=DMARC1; p=reject; sp=maybe", None),
        (b"v=DMARC1; p=none; p=reject", None),
        (b"v=dmarc1; p=reject", None),
        (b"v=DMARC2; p=reject", None),
        (b"v=DMARC1x; p=reject", None),
        (b" v=DMARC1; p=reject", None),
        (b"p=reject; v=DMARC1", None),
        (b"v=spf1 -all", None),
        (b"v=DMARC1; p=reject; x=" + b"x" * 4096, None),
    ],
)
def test_read(text: bytes, expected: Record | None) -> None:
    assert read(text) == expected


@pytest.mark.parametrize(
    ("domain", "expected"),
    [
        ("example.com", "example.com"),
        ("a.b.example.com", "example.com"),
        ("a.example.co.uk", "example.co.uk"),
        ("co.uk", "co.uk"),
        ("a.b.test", "b.test"),
        ("test", "test"),
        ("_x.example.com", "example.com"),
    ],
)
def test_organisation(domain: str, expected: str) -> None:
    assert organisation(domain) == expected


REJECT, NONE = b"v=DMARC1; p=reject", b"v=DMARC1; p=none"


@pytest.mark.parametrize(
    ("domain", "texts", "objects"),
    [
        ("example__com", {"example__com": [REJECT]}, True),
        ("example__com", {"example__com": [b"v=DMARC1; p=quarantine"]}, True),
        ("example__com", {"example__com": [NONE]}, False),
        ("a__example__com", {"example__com": [REJECT]}, True),
        ("a__example__com", {"example__com": [REJECT + b"; sp=none"]}, False),
        ("a__example__com", {"example__com": [NONE + b"; sp=reject"]}, True),
        ("a__example__com", {"example__com": [REJECT], "a__example__com": [NONE]}, False),
        ("a__example__com", {"example__com": [NONE], "a__example__com": [REJECT + b"; sp=none"]}, True),
        ("example__com", {}, None),
        ("example__com", {"example__com": [REJECT, NONE]}, None),
        ("example__com", {"example__com": [REJECT, b"something else"]}, True),
        ("a__example__com", {"a__example__com": [REJECT, REJECT], "example__com": [REJECT]}, None),
        ("a__example__com", {"a__example__com": [b"v=DMARC1; p=broken"], "example__com": [REJECT]}, None),
        ("a__b__example__com", {"b__example__com": [REJECT]}, None),
    ],
)
async def test_discover(domain: str, texts: dict[str, list[bytes] | None], objects: bool | None) -> None:
    policy = await find(domain.replace("__", "."), **texts)
    assert (policy.has_objection if policy else None) is objects


async def test_failure_is_told() -> None:
    with pytest.raises(LookupFailed):
        await find("example.com", example__com=None)
    with pytest.raises(LookupFailed):
        await find("a.example.com", example__com=None)


async def test_two_questions_at_most() -> None:
    texts = Texts()
    await discover(cast(Resolver, texts), "a.b.c.d.example.com")
    assert texts.asked == ["_dmarc.a.b.c.d.example.com", "_dmarc.example.com"]


@pytest.mark.parametrize(
    ("identifier", "author", "relaxed", "strict"),
    [
        ("example.com", "example.com", True, True),
        ("mail.example.com", "example.com", True, False),
        ("example.com", "mail.example.com", True, False),
        ("a.example.com", "b.example.com", True, False),
        ("example.org", "example.com", False, False),
        ("notexample.com", "example.com", False, False),
        ("a.co.uk", "b.co.uk", False, False),
    ],
)
def test_alignment(identifier: str, author: str, relaxed: bool, strict: bool) -> None:
    loose = Policy(author, has_objection=True, is_dkim_strict=False, is_spf_strict=False)
    tight = Policy(author, has_objection=True, is_dkim_strict=True, is_spf_strict=True)
    assert loose.is_aligned_by_dkim(identifier) is loose.is_aligned_by_spf(identifier) is relaxed
    assert tight.is_aligned_by_dkim(identifier) is tight.is_aligned_by_spf(identifier) is strict
