"""A backup of a running project goes into a fresh one and into one container; one of `chatmail up` goes into a project.

Everybody's addresses, passwords and UIDs are what they were, and a Delta Chat of before goes on as if nothing had been.
"""

import imaplib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.deltachat.core import Core, join
from tests.deltachat.links import invent
from tests.docker.bystanders import Bystanders
from tests.docker.engine import IMAGE, docker
from tests.docker.figures import note
from tests.docker.project import DOMAIN, HOSTNAME, Project
from tests.docker.scaled import newer_images
from tests.docker.single import Single
from tests.faults.conftest import SETTINGS
from tests.faults.ledger import Verdict
from tests.faults.load import Load
from tests.people import Person, encrypted_letter, newcomer
from tests.suite import Suite

pytestmark = pytest.mark.timeout(400)  # each begins by starting a whole suite, and so does its first test
CLEAN = Verdict(frozenset(), frozenset(), frozenset(), frozenset())
SERVERS = ("run", "--rm", "--no-TTY", "migrate", "chatmail")
SECONDS = 180.0
LETTERS = 3


class Kept(Project):
    """A project whose backups are files."""

    def backup(self, file: Path) -> None:
        """Take one while everything runs."""
        with file.open("wb") as to:
            subprocess.run(self._words("backup", "-"), stdout=to, check=True, timeout=SECONDS, env=self._environment)

    def begin_again(self, file: Path) -> None:
        """Remove everything, and start from a backup."""
        self.compose("down", "--volumes")
        self.compose("up", "--detach", "--wait", "postgres")
        with file.open("rb") as source:
            done = subprocess.run(
                self._words("restore", "-"), stdin=source, capture_output=True, timeout=SECONDS, env=self._environment
            )
        assert done.returncode == 0, done.stderr[-3000:]
        self.start()

    def _words(self, *words: str) -> list[str]:
        return ["docker", *map(str, self._compose()), *SERVERS, *words]

    @property
    def _environment(self) -> dict[str, str]:
        return {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": "/root", "MADDY_IMAGE": IMAGE}


def place(person: Person) -> tuple[bytes, bytes, int]:
    """Log in and return UIDVALIDITY, the UIDs there are, and UIDNEXT."""
    client: imaplib.IMAP4_SSL = person.imap()
    client.select("INBOX")
    validity = client.response("UIDVALIDITY")[1][0]
    next_uid = client.response("UIDNEXT")[1][0]
    uids = client.uid("search", "ALL")[1][0]
    client.logout()
    assert validity
    assert next_uid
    return validity, uids, int(next_uid)


def with_letters(suite: Suite) -> Person:
    person = newcomer(suite)
    for number in range(LETTERS):
        person.send(person.address, letter=encrypted_letter(person.address, message_id=f"{number}@chat.test"))
    return person


def is_as_before(person: Person, before: tuple[bytes, bytes, int]) -> None:
    validity, uids, next_uid = place(person)
    assert (validity, uids) == before[:2]
    assert next_uid > before[2]
    person.send(person.address, letter=encrypted_letter(person.address, message_id="after@chat.test"))
    _, uids, _ = place(person)
    assert int(uids.split()[-1]) >= next_uid, "seen by who remembers the highest UID"


@pytest.fixture(scope="module")
def project(images: str) -> Iterator[Kept]:
    with newer_images(), Kept(settings=SETTINGS) as running:
        yield running


def test_an_update_without_an_edge_is_a_short_gap(project: Kept, tmp_path: Path) -> None:
    with Load(project, tmp_path, "updated") as load, Bystanders(project, tmp_path) as bystanders:
        project.settings["MADDY_TAG"] = "newer"
        project.write_settings()
        project.start()
        load.wait_for_mail()
        errors = bystanders.finish()
        assert load.finish() == CLEAN
    assert errors == []
    for knocker in bystanders.knockers:
        note(f"update without an edge: no welcome at {knocker.port}", knocker.gap, "s")
    note("update without an edge: longest a word took Delta Chat", bystanders.talk.longest, "s")


def test_a_backup_goes_into_a_fresh_project_and_one_container(project: Kept, tmp_path: Path) -> None:
    person = with_letters(project)
    before, file = place(person), tmp_path / "backup"
    with Core(tmp_path) as core:
        alice, bob = (core.log_in(invent(project), name) for name in ("Alice", "Bob"))
        alices, bobs = join(alice, bob)
        alices.send_text("before the end")
        bob.receive("before the end")
        project.backup(file)
        project.begin_again(file)
        is_as_before(person, before)
        core.hurry()
        bobs.send_text("after the end")
        alice.receive("after the end", SECONDS)
        alices.send_text("as if nothing had been")
        bob.receive("as if nothing had been", SECONDS)
    into_one_container(file, person, before)


def into_one_container(file: Path, person: Person, before: tuple[bytes, bytes, int]) -> None:
    volume = f"cm-restored-{file.stat().st_ino}"
    words = ["docker", "run", "--rm", "-i", "-v", f"{volume}:/data", f"{IMAGE}-all-in-one", "chatmail", "restore", "-"]
    try:
        with file.open("rb") as source:
            done = subprocess.run(words, stdin=source, capture_output=True, timeout=SECONDS)
        assert done.returncode == 0, done.stderr[-3000:]
        with Single(data=volume) as single:
            is_as_before(Person(single, person.address, person.password), before)
    finally:
        docker("volume", "rm", "--force", volume)


def test_from_one_process_on_a_bare_machine_into_a_project(project: Kept, tmp_path: Path) -> None:
    file = tmp_path / "backup"
    with Suite(settings={"MADDY_DOMAIN": DOMAIN, "MADDY_HOSTNAME": HOSTNAME, **SETTINGS}) as suite:
        person = with_letters(suite)
        before = place(person)
        command = [sys.executable, "-m", "chatmail", "backup", str(file), "--data", str(suite.folder / "data")]
        done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS)
        assert done.returncode == 0, done.stderr
        assert "accounts: 1," in done.stdout
    project.begin_again(file)
    is_as_before(Person(project, person.address, person.password), before)
