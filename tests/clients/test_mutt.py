"""mutt reads, answers nobody, flags, files and throws away, in a terminal of its own."""

from pathlib import Path

from tests.clients import terminal
from tests.clients.letters import append, letter, ok, subjects
from tests.needs import needs
from tests.people import Person

_SETTINGS = """
set folder = "imaps://{address}:{port}/"
set spoolfile = "+INBOX"
set imap_user = "{person.address}"
set imap_pass = "{person.password}"
set certificate_file = "{certificate}"
set header_cache = "{folder}/headers"
set message_cachedir = "{folder}/messages"
set record = "" sendmail = "/bin/false"
set quit = yes delete = yes move = no confirmappend = no confirmcreate = no mark_old = no
set wait_key = no pipe_decode = no pipe_split = no sort = mailbox-order auto_tag = no
unset imap_passive
set imap_check_subscribed
"""


def settings(person: Person, certificate: Path, folder: Path, *keys: str) -> Path:
    """Write settings with which mutt opens the INBOX, presses these keys, and leaves."""
    written = folder / "muttrc"
    written.write_text(
        _SETTINGS.format(
            address=person.suite.address,
            port=person.suite.ports["port_imaps"],
            person=person,
            certificate=certificate,
            folder=folder,
        )
        + f"push '{''.join(keys)}<quit>'\n"
    )
    return written


def work(person: Person, certificate: Path, folder: Path, *keys: str) -> str:
    """Let mutt open the INBOX, press these keys, and leave."""
    written = settings(person, certificate, folder, *keys)
    return terminal.run([needs("mutt"), "-n", "-F", str(written)], {"HOME": str(folder), "LC_ALL": "C.UTF-8"})


def test_a_days_work(ann: Person, certificate: Path, tmp_path: Path) -> None:
    with ann.imap() as client:
        append(client, "INBOX", "first", "second", "third", "fourth", "fifth")
    read = tmp_path / "read.eml"
    shown = work(
        ann,
        certificate,
        tmp_path,
        f"<first-entry><display-message><exit><pipe-message>cat > {read}<enter>",
        "<next-entry><flag-message>",
        "<limit>~s third<enter><first-entry><save-message>+Kept<enter>",
        "<limit>~s fourth<enter><first-entry><copy-message>+Kept<enter>",
        "<limit>~s fifth<enter><first-entry><delete-message>",
        "<limit>all<enter><sync-mailbox>",
    )
    assert read.exists(), shown
    assert read.read_bytes().replace(b"\r\n", b"\n") == letter("first").replace(b"\r\n", b"\n")
    assert subjects(ann) == {"first": {r"\Seen"}, "second": {r"\Flagged"}, "fourth": set()}, shown
    assert subjects(ann, "Kept").keys() == {"third", "fourth"}


def test_new_mail_and_other_mailboxes_are_found(ann: Person, certificate: Path, tmp_path: Path) -> None:
    with ann.imap() as client:
        ok(client.create("Attic"))
        append(client, "Attic", "old times", "older times")
        append(client, "INBOX", "now")
    found = tmp_path / "found.eml"
    shown = work(
        ann,
        certificate,
        tmp_path,
        "<change-folder>+Attic<enter>",
        '<limit>~b "remember"<enter><search>older<enter>',
        f"<pipe-message>cat > {found}<enter><clear-flag>N",
        "<change-folder>!<enter>",
    )
    assert found.exists(), shown
    assert b"Subject: older times" in found.read_bytes()
    assert subjects(ann, "Attic") == {"old times": set(), "older times": {r"\Seen"}}, shown
