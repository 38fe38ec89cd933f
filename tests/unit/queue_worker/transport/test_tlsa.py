"""DANE: which record fits which certificate (RFC 7672 §3)."""

import datetime

import pytest
from queue_worker.transport import tlsa

from shared.dns.answer import Tlsa
from tests.certificates import Authority, Leaf, self_signed

ROOT = Authority("Root")
MIDDLE = Authority("Middle", ROOT)
LEAF = MIDDLE.issue("mx.a.test", shows_root=True)
OWN = self_signed("elsewhere.test", days=-1)
STRANGER = Authority("Stranger")
NOW = datetime.datetime.now(datetime.UTC)


def record(text: str) -> Tlsa:
    usage, selector, matching, data = text.split()
    return Tlsa(int(usage), int(selector), int(matching), bytes.fromhex(data))


def fits(leaf: Leaf, *texts: str, names: tuple[str, ...] = ("mx.a.test",), now: datetime.datetime = NOW) -> bool:
    return tlsa.matches(tlsa.usable(map(record, texts)), leaf.der, names, now)


FORMS = [(selector, matching) for selector in (0, 1) for matching in (0, 1, 2)]


@pytest.mark.parametrize(("selector", "matching"), FORMS)
def test_the_servers_own_certificate_is_enough(selector: int, matching: int) -> None:
    """Usage 3: another name and yesterday's date do not matter (§3.1.1)."""
    assert fits(OWN, OWN.tlsa(3, selector, matching))
    assert not fits(OWN, LEAF.tlsa(3, selector, matching))
    assert fits(OWN, LEAF.tlsa(3, selector, matching), OWN.tlsa(3, selector, matching))


@pytest.mark.parametrize(("selector", "matching"), FORMS)
@pytest.mark.parametrize("authority", [ROOT, MIDDLE], ids=["root", "middle"])
def test_an_authority_vouches(authority: Authority, selector: int, matching: int) -> None:
    assert fits(LEAF, authority.tlsa(2, selector, matching))
    assert not fits(LEAF, STRANGER.tlsa(2, selector, matching))


LATER = NOW + datetime.timedelta(days=60)
NOT_ENOUGH: dict[str, bool] = {
    "another name": fits(LEAF, ROOT.tlsa(2, 0, 1), names=("mx.b.test",)),
    "expired": fits(LEAF, ROOT.tlsa(2, 0, 1), now=LATER),
    "not shown": fits(MIDDLE.issue("mx.a.test"), ROOT.tlsa(2, 0, 1)),
    "no authority": fits(Authority("Leaf", ROOT, is_ca=False).issue("mx.a.test"), ROOT.tlsa(2, 0, 0)),
    "its own authority": fits(self_signed("mx.a.test"), self_signed("mx.a.test").tlsa(2, 0, 1)),
    "shown but not its issuer": fits(Leaf(LEAF.certificate, LEAF.key, (STRANGER.certificate,)), STRANGER.tlsa(2, 0, 1)),
    "nothing shown": tlsa.matches([record(ROOT.tlsa(2, 0, 1))], [], ["mx.a.test"], NOW),
    "no certificate": tlsa.matches([record(ROOT.tlsa(2, 0, 1))], [b"junk"], ["mx.a.test"], NOW),
}


@pytest.mark.parametrize("is_fit", NOT_ENOUGH.values(), ids=NOT_ENOUGH.keys())
def test_what_is_not_enough(is_fit: bool) -> None:
    assert not is_fit


def test_an_authority_that_stands_in_the_zone_need_not_be_shown() -> None:
    assert fits(MIDDLE.issue("mx.a.test"), ROOT.tlsa(2, 0, 0))


def test_any_of_the_names_will_do() -> None:
    assert fits(LEAF, ROOT.tlsa(2, 1, 1), names=("a.test", "mx.a.test"))


UNUSABLE = [
    Tlsa(0, 0, 1, bytes(32)),
    Tlsa(1, 1, 1, bytes(32)),
    Tlsa(255, 1, 1, bytes(32)),
    Tlsa(3, 2, 1, bytes(32)),
    Tlsa(3, 1, 3, bytes(32)),
    Tlsa(3, 1, 1, bytes(31)),
    Tlsa(3, 1, 2, bytes(32)),
    Tlsa(3, 1, 0, b""),
]


@pytest.mark.parametrize("unusable", UNUSABLE, ids=str)
def test_unusable_records(unusable: Tlsa) -> None:
    assert tlsa.usable([unusable]) == []


def test_not_all_of_many_records_are_read() -> None:
    assert len(tlsa.usable([Tlsa(3, 1, 1, bytes(32))] * 1000)) == tlsa.MAX_RECORDS
