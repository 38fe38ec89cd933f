"""Cores for the tests, and two friends in one of them."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from deltachat_rpc_client import Chat

from tests.deltachat.core import Core, Profile, join
from tests.deltachat.links import invent
from tests.suite import Suite


@dataclass(frozen=True)
class Friends:
    """Two people, neither a bot, who have scanned one's code; each has a chat with the other."""

    alice: Profile
    bob: Profile
    alices: Chat
    bobs: Chat


@pytest.fixture(scope="session")
def long_core(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Core]:
    """A core that lives as long as the tests."""
    with Core(tmp_path_factory.mktemp("core")) as running:
        yield running


@pytest.fixture(scope="session")
def long_friends(long_core: Core, suite: Suite) -> Friends:
    """Two who know each other as long as the tests."""
    alice, bob = (long_core.log_in(invent(suite), name) for name in ("Alice", "Bob"))
    return Friends(alice, bob, *join(alice, bob))


@pytest.fixture
def core(long_core: Core) -> Iterator[Core]:
    """A core that has nothing to complain of; a test that makes it complain takes the complaints itself."""
    yield long_core
    assert not long_core.take_complaints()


@pytest.fixture
def friends(core: Core, long_friends: Friends) -> Friends:
    """Two friends on the shared suite."""
    return long_friends


@pytest.fixture
def own_core(tmp_path: Path) -> Iterator[Core]:
    """A core for one test, which may complain as it likes."""
    with Core(tmp_path) as running:
        yield running
