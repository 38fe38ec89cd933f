"""isync's mbsync keeps a Maildir and an account the same, both ways."""

from pathlib import Path

import pytest

from tests.clients.letters import append, letter, ok, subjects, uids
from tests.clients.maildir import Maildir
from tests.people import Person

EACH = 500  # messages that each side has at first
WRITES = ("APPEND", "UID STORE", "UID COPY", "UID MOVE", "EXPUNGE", "UID EXPUNGE", "CREATE", "DELETE")


@pytest.fixture
def maildir(ann: Person, certificate: Path, tmp_path: Path) -> Maildir:
    return Maildir(ann, certificate, tmp_path)


def moves(command: str) -> bool:
    """Tell a command that changes the account or takes a message out of it; CLOSE is always sent."""
    return command.startswith(WRITES) or (command.startswith("UID FETCH") and "BODY.PEEK[]" in command)


def test_a_thousand_messages_become_the_same_on_both_sides_and_stay_so(ann: Person, maildir: Maildir) -> None:
    with ann.imap() as client:
        append(client, "INBOX", *(f"far {number}" for number in range(EACH)))
    for number in range(EACH):
        maildir.add(f"near {number}", letter(f"near {number}"), flags="S")
    assert any(map(moves, maildir.sync()))
    check_both_sides_are_the_same(ann, maildir, 2 * EACH)
    check_nothing_is_left_to_do(ann, maildir)

    change_the_far_side(ann)
    change_the_near_side(maildir)
    maildir.sync()
    near, far = maildir.flags(), subjects(ann)
    assert not near.keys() & {"far 7", "near 7"}
    assert [near[subject] for subject in ("far 0", "near 0", "far new", "near new")] == ["R", "FS", "F", "FS"]
    assert (far["far 1"], far["near 1"]) == ({r"\Answered", r"\Seen"}, set())
    assert set(maildir.letters("Archive/2001")) == {"far archived"}
    assert set(subjects(ann, "Attic")) == {"near archived"}
    check_both_sides_are_the_same(ann, maildir, 2 * EACH)
    check_nothing_is_left_to_do(ann, maildir)


def change_the_far_side(person: Person) -> None:
    with person.imap() as client:
        ok(client.create("Archive/2001"))
        append(client, "Archive/2001", "far archived")
        append(client, "INBOX", "far new", flags=r"(\Flagged)")
        ok(client.select("INBOX"))
        for subject, flag in (("far 0", r"\Answered"), ("near 0", r"\Flagged"), ("far 7", r"\Deleted")):
            (found,) = ok(client.uid("SEARCH", "HEADER", "Message-ID", f"<{subject.replace(' ', '.')}@"))
            ok(client.uid("STORE", found.decode(), "+FLAGS", f"({flag})"))
        ok(client.expunge())


def change_the_near_side(maildir: Maildir) -> None:
    maildir.add("near archived", letter("near archived"), mailbox="Attic")
    maildir.add("near new", letter("near new"), flags="FS")
    maildir.flag("far 1", "RS")
    maildir.flag("near 1", "")  # no longer seen
    maildir.flag("near 7", "ST")


def check_both_sides_are_the_same(person: Person, maildir: Maildir, count: int) -> None:
    letters = {"S": r"\Seen", "F": r"\Flagged", "R": r"\Answered", "T": r"\Deleted"}
    near = {subject: {letters[one] for one in flags} for subject, flags in maildir.flags().items()}
    assert len(near) == count
    assert near == subjects(person)


def check_nothing_is_left_to_do(person: Person, maildir: Maildir) -> None:
    before = uids(person), subjects(person), maildir.letters()
    sent = maildir.sync()
    assert any(command.startswith("SELECT") for command in sent), sent
    assert not list(filter(moves, sent))
    assert (uids(person), subjects(person), maildir.letters()) == before
