"""A view of which only the newest messages are loaded tells its client what one does that is loaded whole."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from imap.store import Changes, Flag, Older, Snapshot
from imap.view import Astray, News, NotLoaded, View
from imap.wire.sequence_set import SequenceSet

UIDS, MODSEQ = [2, 5, 8, 11], 10


def opened(tail: int = 2, uids: list[int] | None = None) -> View:
    """A view of these UIDs, of which the last `tail` are loaded."""
    uids = UIDS if uids is None else uids
    older = max(0, len(uids) - tail)
    return View(Snapshot(7, 1, max(uids, default=0) + 1, MODSEQ, uids[older:], [0] * len(uids[older:]), (), older))


def test_the_newest_have_their_numbers() -> None:
    seen = opened()
    assert (len(seen), seen.last_uid, seen.first_unseen) == (4, 11, None)
    assert [seen.number(uid) for uid in (8, 9, 11, 12)] == [3, None, 4, None]
    assert seen.by_number(SequenceSet.parse(b"3:*")) == [8, 11]
    assert seen.by_uid(SequenceSet.parse(b"8:*")) == [8, 11]
    assert seen.set_flags(8, Flag.SEEN) == 3
    assert seen.expunge([8]) == [3]
    assert seen.apply(Changes(11, 15, [(14, 0)], [(11, 1)], [])) == News([], 4, [(3, 1)], changed=((11, 0),))


@pytest.mark.parametrize(
    "ask",
    [
        pytest.param(lambda seen: seen.number(5), id="number"),
        pytest.param(lambda seen: seen.number(1), id="number-that-may-be-none"),
        pytest.param(lambda seen: seen.flags(5), id="flags"),
        pytest.param(lambda seen: seen.set_flags(5, 1), id="set-flags"),
        pytest.param(lambda seen: seen.expunge([5]), id="expunge"),
        pytest.param(lambda seen: seen.uids(), id="uids"),
        pytest.param(lambda seen: seen.by_uid(SequenceSet.parse(b"7:*")), id="by-uid"),
        pytest.param(lambda seen: seen.by_number(SequenceSet.parse(b"2")), id="by-number"),
        pytest.param(lambda seen: seen.apply(Changes(11, 12, [], [(5, 1)], [])), id="flagged"),
        pytest.param(lambda seen: seen.apply(Changes(11, 12, [], [], [5])), id="expunged"),
    ],
)
def test_what_is_not_loaded_is_not_guessed(ask: Callable[[View], Any]) -> None:
    with pytest.raises(NotLoaded):
        ask(opened())


@pytest.mark.parametrize(
    ("text", "is_uid", "reaches"),
    [
        (b"3", False, False),
        (b"*", False, False),
        (b"4:3", False, False),
        (b"2", False, True),
        (b"*:1", False, True),
        (b"4,1", False, True),
        (b"1:99", False, False),  # a mistake of the client's, whatever there is
        (b"8", True, False),
        (b"*", True, False),
        (b"99:*", True, False),
        (b"7", True, True),
        (b"1:*", True, True),
    ],
)
def test_reaching_older_messages(text: bytes, is_uid: bool, reaches: bool) -> None:
    assert opened().reaches_older(SequenceSet.parse(text), is_uid=is_uid) is reaches
    assert opened(4).reaches_older(SequenceSet.parse(text), is_uid=is_uid) is False


def test_older_messages_are_loaded_as_the_client_was_told() -> None:
    seen = opened(2)
    seen.add_older(Older([5], [Flag.SEEN], [], [2]))
    assert (list(seen.uids()), seen.older, seen.flags(5), seen.flags(2)) == (UIDS, 0, Flag.SEEN, 0)
    assert seen.apply(Changes(11, 12, [], [], [2])) == News([1], None, [], vanished=(2,))


def test_flags_that_came_by_loading_are_told_once() -> None:
    seen = opened(1)
    seen.add_older(Older([2, 5, 8], [0, 1, 4], [5, 8], []))
    assert [seen.flags(uid) for uid in (2, 5, 8)] == [0, 1, 4]
    assert seen.set_flags(8, 4) == 3, "told by FETCH"
    changed = Changes(12, 12, [], [(5, 1), (8, 4)], [])
    assert seen.apply(changed) == News([], None, [(2, 1)], changed=((5, 0),))
    assert seen.apply(changed) == News([], None, [])


def test_keywords_come_along() -> None:
    seen = View(Snapshot(7, 1, 9, MODSEQ, [8], [1 << 5], ["Work"], 2))
    seen.add_older(Older([2, 5], [1 << 5 | 1, 1 << 6], [5], []))
    assert [seen.flags(uid) for uid in (2, 5, 8)] == [1 << 5 | 1, 0, 1 << 5]
    news = seen.apply(Changes(11, 9, [], [(5, 1 << 6)], [], (), ["Work", "Home"]))
    assert (news.has_keywords, news.flagged, seen.flags(5)) == (True, [(2, 1 << 6)], 1 << 6)


@pytest.mark.parametrize("older", [Older([2], [0]), Older([1, 2, 5], [0] * 3), Older([2, 5], [0, 0], [], [3])])
def test_a_number_that_cannot_be_is_never_told(older: Older) -> None:
    seen = opened(2)
    with pytest.raises(Astray):
        seen.add_older(older)
    assert (seen.older, len(seen)) == (2, 4)


def test_when_all_that_was_loaded_is_gone() -> None:
    seen = opened(2)
    assert seen.expunge([8, 11]) == [4, 3]
    assert (len(seen), seen.is_last_older) == (2, True)
    assert seen.reaches_older(SequenceSet.parse(b"*"), is_uid=True)
    with pytest.raises(NotLoaded):
        assert seen.last_uid
    assert seen.apply(Changes(12, 13, [(12, 0)], [], [8])) == News([], 3, [])
    assert (seen.last_uid, seen.number(12)) == (12, 3)


class _Mailbox:
    """What there is, and what happened when."""

    def __init__(self, count: int) -> None:
        self.modseq, self.uidnext = 1, count + 1
        self.flags = dict.fromkeys(range(1, count + 1), 0)
        self.marked: dict[int, int] = {}  # modseq of the last change, by UID
        self.expunged: dict[int, int] = {}

    def snapshot(self, tail: int | None) -> Snapshot:
        older = 0 if tail is None else max(0, len(self.flags) - tail)
        uids, masks = list(self.flags)[older:], list(self.flags.values())[older:]
        return Snapshot(1, 1, self.uidnext, self.modseq, uids, masks, ("Work",), older)

    def happen(self, what: str, which: int, mask: int) -> None:
        self.modseq += 1
        uid = list(self.flags)[which % len(self.flags)] if self.flags else 0
        if what == "arrive":
            self.flags[self.uidnext] = mask
            self.uidnext += 1
        elif what == "mark" and uid:
            self.flags[uid], self.marked[uid] = mask, self.modseq
        elif what == "expunge" and uid:
            del self.flags[uid]
            self.expunged[uid] = self.modseq

    def changes(self, since: int, uidnext: int) -> Changes:
        flagged = [(uid, self.flags[uid]) for uid, at in self.marked.items() if at > since and uid in self.flags]
        arrived = [(uid, mask) for uid, mask in self.flags.items() if uid >= uidnext]
        gone = sorted(uid for uid, at in self.expunged.items() if at > since and uid < uidnext)
        old = sorted((uid, mask) for uid, mask in flagged if uid < uidnext)
        return Changes(self.modseq, self.uidnext, arrived, old, gone, (), ("Work",))

    def older(self, before: int, since: int) -> Older:
        uids = [uid for uid in self.flags if uid < before]
        marked = [uid for uid in uids if self.marked.get(uid, 0) > since]
        gone = [uid for uid, at in self.expunged.items() if at > since and uid < before]
        return Older(uids, [self.flags[uid] for uid in uids], marked, gone)


EVENTS = st.lists(
    st.tuples(
        st.sampled_from(["arrive", "mark", "mark", "expunge", "expunge", "look", "look late", "load", "own expunge"]),
        st.integers(0, 9),
        st.sampled_from([0, 1, 8, 32, 33]),
    ),
    max_size=30,
)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(count=st.integers(0, 8), tail=st.integers(1, 4), events=EVENTS)
def test_any_tail_tells_what_the_whole_tells(count: int, tail: int, events: list[tuple[str, int, int]]) -> None:
    box = _Mailbox(count)
    whole, part = View(box.snapshot(None)), View(box.snapshot(tail))
    for what, which, mask in [*events, ("look", 0, 0)]:
        if what.startswith("look"):
            changes = box.changes(part.modseq, part.uidnext)
            if what == "look late":  # more happens before the older ones are there
                box.happen("expunge", which, 0)
                box.happen("mark", which, mask)
            if part.lacks([*changes.expunged, *(uid for uid, _ in changes.flagged)]):
                part.add_older(box.older(part.first, part.modseq))
            _tell_alike(whole.apply(changes), part.apply(changes))
        elif what == "load" and part.older:
            part.add_older(box.older(part.first, part.modseq))
        elif what == "own expunge":
            uids = [uid for uid in list(box.flags)[which : which + 2] if uid < part.uidnext]
            if part.lacks(uids):
                part.add_older(box.older(part.first, part.modseq))
            for uid in uids:
                box.happen("expunge", list(box.flags).index(uid), 0)
                assert whole.expunge([uid]) == part.expunge([uid])
                assert whole.follow(box.modseq) == part.follow(box.modseq)
        else:
            box.happen(what, which, mask)
        assert (len(whole), whole.modseq, whole.uidnext) == (len(part), part.modseq, part.uidnext)
        numbers = {uid: whole.number(uid) for uid in whole.uids() if not part.older or uid >= part.first}
        assert numbers == {uid: part.number(uid) for uid in numbers}
    if part.older:
        part.add_older(box.older(part.first, part.modseq))
    assert list(whole.uids()) == list(part.uids()) == list(box.flags)
    assert [part.flags(uid) for uid in box.flags] == list(box.flags.values())


def _tell_alike(whole: News, part: News) -> None:
    assert (part.expunged, part.exists, part.has_keywords) == (whole.expunged, whole.exists, whole.has_keywords)
    assert set(part.flagged) >= set(whole.flagged), "flags may be told that a client knows, never the other way round"
