import itertools

from imap.registry import MAX_SESSIONS, Registry


class Heard:
    def __init__(self) -> None:
        self.rings: list[int] = []
        self.arrivals: list[tuple[int, int, int]] = []
        self.looks = 0

    def ring(self, modseq: int) -> None:
        self.rings.append(modseq)

    def arrived(self, modseq: int, uid: int, at: int) -> None:
        self.arrivals.append((modseq, uid, at))

    def look(self) -> None:
        self.looks += 1


def two() -> tuple[Registry, Heard, Heard]:
    registry, ann, bob = Registry(), Heard(), Heard()
    registry.add(ann)
    registry.add(bob)
    return registry, ann, bob


def test_a_bell_wakes_those_who_watch() -> None:
    registry, ann, bob = two()
    registry.watch(ann, 7)
    registry.watch(bob, 8)
    registry.ring(7, 100)
    registry.ring(9, 100)
    assert (ann.rings, bob.rings) == ([100], [])


def test_what_came_is_told_to_those_who_watch() -> None:
    registry, ann, bob = two()
    registry.watch(ann, 7)
    registry.watch(bob, 8)
    registry.arrived(7, 100, 3, 50)
    registry.arrived(9, 100, 3, 50)
    assert (ann.arrivals, bob.arrivals) == ([(100, 3, 50)], [])


def test_who_watches_another_mailbox_no_longer_hears_the_first() -> None:
    registry, ann, _ = two()
    registry.watch(ann, 7)
    registry.watch(ann, 8)
    registry.ring(7, 1)
    registry.ring(8, 2)
    assert ann.rings == [2]


def test_who_touches_need_not_look() -> None:
    registry, ann, bob = two()
    registry.watch(ann, 7)
    registry.watch(bob, 7)
    registry.touched(7, ann)
    assert (ann.looks, bob.looks) == (0, 1)


def test_after_a_gap_all_look() -> None:
    registry, ann, bob = two()
    registry.look_all()
    assert (ann.looks, bob.looks) == (1, 1)


def test_who_leaves_is_forgotten() -> None:
    registry, ann, _ = two()
    registry.watch(ann, 7)
    registry.remove(ann)
    registry.remove(ann)
    registry.ring(7, 1)
    assert (ann.rings, len(registry), registry._watching) == ([], 1, {})


def test_shares_are_spread() -> None:
    registry = Registry()
    shares = sorted(registry.add(Heard()) for _ in range(100))
    assert shares[0] < 0.05
    assert shares[-1] > 0.95
    assert max(after - before for before, after in itertools.pairwise(shares)) < 0.05


def test_an_account_has_so_many_sessions_and_no_more() -> None:
    registry, ann, bob = two()
    others = [Heard() for _ in range(MAX_SESSIONS)]
    for other in others:
        registry.add(other)
        assert registry.admit(other, 1)
    assert not registry.admit(ann, 1)
    assert registry.admit(bob, 2)
    registry.remove(others[0])
    registry.remove(others[0])
    assert registry.admit(ann, 1)
    for listener in (ann, bob, *others):
        registry.remove(listener)
    assert (registry._sessions, registry._accounts) == ({}, {})


def test_who_was_lost_while_logging_in_is_not_counted() -> None:
    registry, ann, _ = two()
    registry.remove(ann)
    assert not registry.admit(ann, 1)
    assert not registry._sessions
