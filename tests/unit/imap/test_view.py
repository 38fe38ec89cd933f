import sys
import time

import pytest
from imap.store import Changes, Flag, Snapshot
from imap.view import News, View
from imap.wire.answer import Fault
from imap.wire.sequence_set import SequenceSet


def view(*uids: int) -> View:
    return View(Snapshot(7, 1, max(uids, default=0) + 1, 10, uids, [0] * len(uids)))


def changes(
    arrived: list[int] | None = None, flagged: dict[int, int] | None = None, gone: list[int] | None = None
) -> Changes:
    new = [(uid, 0) for uid in arrived or []]
    return Changes(11, max([uid for uid, _ in new], default=0) + 1, new, list((flagged or {}).items()), gone or [])


NEWS = [
    pytest.param(changes(), News([], None, []), id="nothing"),
    pytest.param(changes(arrived=[9, 12]), News([], 5, []), id="arrived"),
    pytest.param(changes(gone=[2]), News([1], None, [], vanished=(2,)), id="first-gone"),
    pytest.param(changes(gone=[2, 8]), News([3, 1], None, [], vanished=(2, 8)), id="both-ends-gone"),
    pytest.param(changes(gone=[2, 5, 8]), News([3, 2, 1], None, [], vanished=(2, 5, 8)), id="all-gone"),
    pytest.param(changes(gone=[3, 99]), News([], None, []), id="unknown-gone"),
    pytest.param(changes(flagged={5: 1}), News([], None, [(2, 1)], changed=((5, 0),)), id="flagged"),
    pytest.param(changes(flagged={5: 0}), News([], None, []), id="flags-as-known"),
    pytest.param(changes(flagged={6: 1}), News([], None, []), id="unknown-flagged"),
    pytest.param(
        changes([9], {8: 8}, [2]),
        News([1], 3, [(2, 8)], vanished=(2,), changed=((8, 0),)),
        id="numbers-after-the-expunge",
    ),
    pytest.param(changes(arrived=[8, 9]), News([], 4, []), id="known-arrived-again"),
]  # fmt: skip


@pytest.mark.parametrize(("changed", "news"), NEWS)
def test_apply(changed: Changes, news: News) -> None:
    assert view(2, 5, 8).apply(changed) == news


def test_who_is_told_modseqs_is_told_of_flags_that_are_as_known() -> None:
    changed = Changes(11, 9, [], [(2, 0), (3, 0), (5, 1)], [], modseqs=[9, 10, 11])
    news = view(2, 5, 8).apply(changed, is_all_told=True)
    assert news == News([], None, [(1, 0), (2, 1)], changed=((2, 9), (5, 11)))


def test_apply_is_done_once() -> None:
    seen = view(2, 5, 8)
    changed = changes([9], {8: 8}, [2])
    seen.apply(changed)
    assert seen.apply(changed) == News([], None, [])
    assert (seen.modseq, seen.uidnext, list(seen.uids())) == (11, 10, [5, 8, 9])


def test_numbers_move_only_when_told() -> None:
    seen = view(2, 5, 8)
    assert [seen.number(uid) for uid in (2, 5, 8, 9)] == [1, 2, 3, None]
    assert seen.expunge([5]) == [2]
    assert [seen.number(uid) for uid in (2, 5, 8)] == [1, None, 2]


@pytest.mark.parametrize(
    ("text", "uids"),
    [(b"1:*", [2, 5, 8]), (b"5", [5]), (b"6", []), (b"*", [8]), (b"100:*", [8]), (b"3:7,8", [5, 8]), (b"9:100", [])],
)
def test_by_uid(text: bytes, uids: list[int]) -> None:
    assert view(2, 5, 8).by_uid(SequenceSet.parse(text)) == uids


@pytest.mark.parametrize(("text", "uids"), [(b"1:*", [2, 5, 8]), (b"2", [5]), (b"*", [8]), (b"3,1", [2, 8])])
def test_by_number(text: bytes, uids: list[int]) -> None:
    assert view(2, 5, 8).by_number(SequenceSet.parse(text)) == uids


@pytest.mark.parametrize(("seen", "text"), [(view(2, 5, 8), b"4"), (view(2), b"1:2"), (view(), b"1"), (view(), b"*")])
def test_numbers_that_are_none(seen: View, text: bytes) -> None:
    with pytest.raises(Fault):
        seen.by_number(SequenceSet.parse(text))


def test_flags() -> None:
    seen = view(2, 5)
    assert seen.set_flags(5, Flag.DELETED) == 2
    assert seen.set_flags(6, Flag.DELETED) is None
    assert (seen.flags(2), seen.flags(5)) == (0, Flag.DELETED)
    assert seen.first_unseen == 1
    seen.set_flags(2, Flag.SEEN)
    assert seen.first_unseen == 2


def test_own_changes_are_followed_one_by_one() -> None:
    seen = view(2, 5)
    assert [seen.follow(12), seen.follow(11), seen.follow(11), seen.follow(12)] == [False, True, False, True]
    assert seen.modseq == 12


def test_an_empty_view() -> None:
    assert (len(view()), view().last_uid, view().first_unseen) == (0, 0, None)


def test_a_message_costs_five_octets() -> None:
    large = View(Snapshot(1, 1, 10_001, 1, range(1, 10_001), [0] * 10_000))
    assert sys.getsizeof(large._uids) + sys.getsizeof(large._flags) < 52_000


def test_every_other_message_expunged() -> None:
    seen = view(*range(1, 10))
    seen.set_flags(9, Flag.SEEN)
    assert seen.expunge([8, 2, 4, 6, 2]) == [8, 6, 4, 2]
    assert list(seen.uids()) == [1, 3, 5, 7, 9]
    assert [seen.flags(uid) for uid in (7, 9)] == [0, Flag.SEEN]


def test_many_expunged_cost_one_pass() -> None:
    count = 1_000_000
    seen = View(Snapshot(1, 1, count + 1, 1, range(1, count + 1), bytes(count)))
    before = time.process_time()
    assert len(seen.expunge(range(1, count, 2))) == len(seen) == count // 2
    assert time.process_time() - before < 4  # measured 0.7 s; one by one it takes 11
