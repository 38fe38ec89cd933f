"""As whom a server runs: ourselves, an ordinary user of a namespace, or nobody; never root."""

from pathlib import Path

import pytest

from chatmail.embedded import identity as room
from chatmail.embedded.identity import Identity, ordinary
from chatmail.trouble import Trouble

PROGRAM = Path("/bin/true")


@pytest.fixture(autouse=True)
def _fresh() -> None:
    ordinary.cache_clear()


def as_root(monkeypatch: pytest.MonkeyPatch, *, may: str) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 0)
    kinds = {"namespace": "prefix", "nobody": "owner"}
    monkeypatch.setattr(room, "_can_run", lambda who, _: bool(may and getattr(who, kinds[may])))


def test_an_ordinary_user_runs_it_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    assert ordinary(PROGRAM) == Identity()
    assert ordinary(PROGRAM).command([PROGRAM, "-D"]) == ["/bin/true", "-D"]


def test_root_runs_it_in_a_namespace(monkeypatch: pytest.MonkeyPatch) -> None:
    as_root(monkeypatch, may="namespace")
    assert ordinary(PROGRAM).command([PROGRAM])[0] == "unshare"
    assert ordinary(PROGRAM).owner is None


def test_where_namespaces_are_not_permitted_nobody_runs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    as_root(monkeypatch, may="nobody")
    assert ordinary(PROGRAM).command([PROGRAM]) == ["/bin/true"]
    assert ordinary(PROGRAM).owner == (ordinary(PROGRAM).popen["user"], ordinary(PROGRAM).popen["group"])


def test_where_nothing_helps_the_remedy_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    as_root(monkeypatch, may="")
    with pytest.raises(Trouble, match=r"ordinary user.*MADDY_DATABASE_URL"):
        ordinary(PROGRAM)


def test_only_what_is_given_changes_hands(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    given: list[object] = []
    monkeypatch.setattr("os.chown", lambda *arguments: given.append(arguments))
    inner = tmp_path / "data" / "postgres"
    inner.mkdir(parents=True, mode=0o700)
    (tmp_path / "data").chmod(0o700)
    outside = tmp_path.stat().st_mode
    Identity(owner=(65534, 65534)).give(inner)
    assert given == [(inner, 65534, 65534)]
    assert (tmp_path / "data").stat().st_mode & 0o777 == 0o711
    assert tmp_path.stat().st_mode == outside
