"""The same mailbox, the same commands, and Dovecot: what is answered must mean the same.

The commands are in commands.txt, the messages in letters/, and what may differ, and why, in differences.txt; a
difference that is listed must be there. docs/imap.md tells the same in words.
"""

from collections.abc import Iterator
from pathlib import Path
from pprint import pformat

import pytest

from tests.dovecot.likeness import like
from tests.dovecot.script import Group, differences, groups
from tests.dovecot_server import Dovecot
from tests.suite import Suite

DOVECOT = """
mail_fsync = never
namespace inbox {
  separator = /
}
"""
GROUPS = groups()
ROOT = Path(__file__).parents[2]
PASSWORD = "a-long-password"


@pytest.fixture(scope="module")
def ours() -> Iterator[Suite]:
    with Suite(settings={"MADDY_GATE_APPEND": "off"}) as suite:
        yield suite


@pytest.fixture(scope="module")
def theirs() -> Iterator[Dovecot]:
    with Dovecot(more=DOVECOT) as dovecot:
        yield dovecot


@pytest.mark.parametrize("group", GROUPS, ids=lambda group: group.name)
def test_as_dovecot(theirs: Dovecot, ours: Suite, group: Group) -> None:
    here = group.play(ours.address, ours.ports["port_imaps"], f"differ-{group.name}@{ours.domain}", PASSWORD)
    there = group.play(theirs.address, theirs.imaps, group.name, PASSWORD)
    known = {name for name in differences() if name.startswith(f"{group.name}/")}
    differ = {step.name for step in group.steps if like(here[step.name]) != like(there[step.name])}
    for step in group.steps:
        if step.name in differ - known:
            print(f"{step.name}: {step.command}\n  ours   {pformat(like(here[step.name]), width=120)}")
            print(f"  theirs {pformat(like(there[step.name]), width=120)}")
    assert sorted(differ - known) == [], "differ, and are not listed"
    assert sorted(known - differ) == [], "listed, and do not differ"


def test_what_is_listed_is_asked() -> None:
    names = [step.name for group in GROUPS for step in group.steps]
    assert len(names) == len(set(names)), "two of one name"
    assert set(differences()) <= set(names)
    assert len(names) >= 300


def test_what_is_listed_is_told() -> None:
    told = " ".join((ROOT / "docs/imap.md").read_text(encoding="utf-8").split())
    assert [why for why in differences().values() if why not in told] == []
