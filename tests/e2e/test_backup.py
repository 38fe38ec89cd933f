"""`chatmail backup` while people write, `chatmail restore` into a fresh folder: what was there is there, to the UID."""

import imaplib
import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.people import Person, encrypted_letter, newcomer
from tests.suite import Suite, free_address

pytestmark = pytest.mark.timeout(300)  # the first test waits for two suites

FAST = {"MADDY_SEND_PER_MINUTE": "6000", "MADDY_SEND_BURST": "1000", "MADDY_LOCAL_DOMAINS": "backup.test"}
DKIM = "SELECT domain, selector, private_key, record FROM chatmail.dkim_key ORDER BY domain, selector"


def chatmail(*words: str, data: Path, **more: Any) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([sys.executable, "-m", "chatmail", *words, "--data", str(data)], capture_output=True, **more)


def done(*words: str, data: Path, **more: Any) -> Any:
    process = chatmail(*words, "--json", data=data, **more)
    assert process.returncode == 0, process.stderr.decode()
    return json.loads(process.stdout)


@dataclass(frozen=True)
class Seen:
    """What a client knows of its INBOX."""

    uidvalidity: int
    uidnext: int
    messages: dict[int, tuple[str, bytes]]  # flags and octets by UID


def look(person: Person) -> Seen:
    client = person.imap()
    status = client.status("INBOX", "(UIDVALIDITY UIDNEXT)")[1][0].decode()
    validity, uidnext = (int(number) for number in re.findall(r"\d+", status.rpartition("(")[2]))
    client.select("INBOX")
    messages = {}
    for part in client.uid("fetch", "1:*", "(FLAGS BODY.PEEK[])")[1]:
        if isinstance(part, tuple):
            uid = re.search(rb"UID (\d+)", part[0])
            flags = re.search(rb"FLAGS \(([^)]*)\)", part[0])
            assert uid
            assert flags
            messages[int(uid[1])] = (flags[1].decode(), part[1])
    client.logout()
    return Seen(validity, uidnext, messages)


class Load:
    """Somebody writes and writes, until told to stop."""

    def __init__(self, person: Person, to: Person) -> None:
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._write, args=(person, to))
        self.sent = 0

    def __enter__(self) -> "Load":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        self._thread.join()

    def _write(self, person: Person, to: Person) -> None:
        with person.smtp() as client:
            while not self._is_over.is_set():
                letter = encrypted_letter(person.address, message_id=f"load{self.sent}@localhost")
                client.sendmail(person.address, [to.address, person.address], letter)
                self.sent += 1
                self._is_over.wait(0.03)  # not as fast as it can: there are limits


@dataclass(frozen=True)
class Story:
    """What there was when the backup was taken, what came afterwards, and the suite that was restored."""

    new: Suite
    file: Path
    ann: Person
    ben: Person
    before: Seen  # ben's INBOX, at the least, when the backup was taken
    after: Seen  # the same when the old suite ended
    dkim: list[Any]


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    address, file = free_address(), tmp_path_factory.mktemp("backup") / "suite.backup"
    with Suite(address=address, settings=FAST) as old:
        data = old.folder / "data"
        ann, ben = newcomer(old), newcomer(old)
        assert ben.inbox() == [], "the first login makes the account"
        for number in range(5):
            ann.send(ben.address, letter=encrypted_letter(ann.address, message_id=f"first{number}@localhost"))
        client = ben.imap()
        client.select("INBOX")
        client.uid("store", "2:3", "+FLAGS", r"(\Seen \Flagged)")
        client.uid("store", "4", "+FLAGS", r"(\Deleted)")
        client.expunge()
        client.logout()
        with Load(ann, ben) as load:
            old.wait(lambda: load.sent >= 5, 60, "writing")
            before = look(ben)
            copied = done("backup", str(file), data=data)
            sent = load.sent
            old.wait(lambda: load.sent >= sent + 5, 60, "writing after the backup")
        assert copied["rows"]["message"] >= len(before.messages)
        after = look(ben)
        with psycopg.connect(old.owner_url) as owner:
            dkim = owner.execute(DKIM).fetchall()
    folder = tmp_path_factory.mktemp("new")
    new = Suite(folder, address=address, settings=FAST)
    assert done("restore", str(file), data=folder / "data") == copied
    with new:
        ann, ben = replace(ann, suite=new), replace(ben, suite=new)
        yield Story(new, file, ann, ben, before, after, dkim)


def test_people_log_in_with_their_passwords_and_find_their_mail(story: Story) -> None:
    now = look(story.ben)
    assert len(story.before.messages) >= 9
    assert now.uidvalidity == story.before.uidvalidity
    assert {uid: now.messages[uid] for uid in story.before.messages} == story.before.messages
    assert now.messages.items() <= story.after.messages.items(), "nothing has another UID than it had"
    assert 4 not in now.messages
    assert {"\\Seen", "\\Flagged"} <= set(now.messages[2][0].split())


def test_a_wrong_password_is_wrong(story: Story) -> None:
    with pytest.raises(imaplib.IMAP4.error):
        replace(story.ben, password="wrong-" + story.ben.password).imap()


def test_new_mail_comes_beyond_every_uid_a_client_has_heard_of(story: Story) -> None:
    known = look(story.ben)
    assert known.uidnext > story.after.uidnext
    story.ann.send(story.ben.address, letter=encrypted_letter(story.ann.address, message_id="new@localhost"))
    story.new.wait(lambda: len(look(story.ben).messages) > len(known.messages), 60, "delivered")
    client = story.ben.imap()
    client.select("INBOX")
    fetched = client.uid("fetch", f"{story.after.uidnext}:*", "(BODY.PEEK[])")[1]
    client.logout()
    assert any(b"new@localhost" in part[1] for part in fetched if isinstance(part, tuple))


def test_other_servers_find_the_same_keys(story: Story) -> None:
    with psycopg.connect(story.new.owner_url) as owner:
        assert owner.execute(DKIM).fetchall() == story.dkim
    assert {domain for domain, *_ in story.dkim} == {"backup.test"}


def test_new_people_can_come(story: Story) -> None:
    assert newcomer(story.new).inbox() == []


def test_the_file_is_its_owner_s_alone_and_nothing_else_is_left(story: Story) -> None:
    assert story.file.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in story.file.parent.iterdir()] == [story.file.name]


def test_a_running_suite_is_not_restored(story: Story) -> None:
    process = chatmail("restore", str(story.file), "--replace", data=story.new.folder / "data")
    assert process.returncode == 1
    assert f"in use by process {story.new.status['pid']}" in process.stderr.decode()


def test_it_goes_through_pipes(story: Story, tmp_path: Path) -> None:
    taken = chatmail("backup", "-", data=story.new.folder / "data")
    assert taken.returncode == 0
    assert b"accounts" in taken.stderr, "what is said is not in the stream"
    checked = chatmail("restore", "-", "--check", data=tmp_path, input=taken.stdout)
    assert (checked.returncode, checked.stderr) == (0, b"")
    assert b"it is whole" in checked.stdout
    assert list(tmp_path.iterdir()) == []


def test_half_a_file_is_refused_and_the_folder_can_still_be_used(story: Story, tmp_path: Path) -> None:
    half = tmp_path / "half"
    half.write_bytes(story.file.read_bytes()[:-40])
    refused = chatmail("restore", str(half), data=tmp_path / "data")
    assert (refused.returncode, b"cut off" in refused.stderr) == (1, True)
    assert done("restore", str(story.file), data=tmp_path / "data")["rows"]["account"] == 2
    again = chatmail("restore", str(story.file), data=tmp_path / "data")
    assert (again.returncode, b"--replace" in again.stderr) == (1, True)
    assert done("restore", str(story.file), "--replace", data=tmp_path / "data")["rows"]["account"] == 2


def test_a_backup_of_another_domain_is_refused(story: Story, tmp_path: Path) -> None:
    environment = {**os.environ, "MADDY_DOMAIN": "other.test"}
    refused = chatmail("restore", str(story.file), data=tmp_path / "data", env=environment)
    assert (refused.returncode, b"nobody could log in" in refused.stderr) == (1, True)
    assert not (tmp_path / "data").exists()


def test_what_cannot_be_written_is_said_and_leaves_nothing(story: Story, tmp_path: Path) -> None:
    data = story.new.folder / "data"
    nowhere = chatmail("backup", str(tmp_path / "missing" / "file"), data=data)
    assert (nowhere.returncode, b"No such file" in nowhere.stderr) == (1, True)
    device = chatmail("backup", "/dev/null", data=data)
    assert (device.returncode, b"is no file" in device.stderr) == (1, True)
    words = [sys.executable, "-m", "chatmail", "backup", "-", "--data", str(data)]
    with Path("/dev/full").open("wb") as disk:
        full = subprocess.run(words, stdout=disk, stderr=subprocess.PIPE)
    assert (full.returncode, b"No space left" in full.stderr) == (1, True)
